"""Launcher `ssm`: workloads on a host that only SSM reaches, fenced by files there.

SendCommand takes no token. That one key is one workload is known to the host, under a lock, and nowhere else; so
whatever gave no answer is asked again by its key.
"""

import base64
import math
import re
from collections.abc import Mapping

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import (
    FOUND_KEY,
    Description,
    EpochRefusedError,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    NoPlaceError,
    RunState,
    StopOutcome,
    StopResult,
)
from paramedic.launchers.marks import CONTROLLER_ID, shown_environment
from paramedic.launchers.process.host_fence import file_stem
from paramedic.launchers.process.identity import LAUNCHER as PROCESS
from paramedic.launchers.process.identity import ProcessIdentity
from paramedic.launchers.receipts import identity_in, make_receipt, stopped, unconfirmed
from paramedic.launchers.ssm.answers import Answer, FoundLaunch, HostRefusedError, HostSilentError
from paramedic.launchers.ssm.commands import HostCommands
from paramedic.launchers.ssm.profile import SsmProfile
from paramedic.state.receipt import Receipt

LAUNCHER = "ssm"

NAME_PATTERN = r"^[A-Za-z0-9:._/@#+=~-]{1,200}$"
"""Workloads, scopes and keys, as the document takes them."""

_REFUSALS: Mapping[str, type[LauncherError]] = {"epoch": EpochRefusedError, "key": KeyAlreadyUsedError}


class SsmIdentity(ProcessIdentity):
    """One exact process on one exact host. A controller that claims names itself, and no instance."""

    instance: str | None = None


class SsmLauncher:
    """Runs what its profile says on the profile's host, and nothing else."""

    def __init__(self, profile: SsmProfile, host: HostCommands) -> None:
        self._profile = profile
        self._host = host

    def launch(self, request: Launch) -> Receipt:
        """Run the profile's unit or command once per key; a repeated key returns the receipt of the first.

        Raises:
            EpochRefusedError: a higher epoch was seen for this scope or workload.
            KeyAlreadyUsedError: the key's workload has ended.
            HostRefusedError: the host says why it could not be started.
            HostSilentError: nobody knows whether it was; ask again by the key.
            UnsafeEnvironmentError: the request has variables of its own, which whoever sees SSM's commands could read.
            InvalidInputError: a name is none that the document takes.
        """
        told = shown_environment(request, ())
        fields = {
            **self._fields(request.workload, request.scope, request.key),
            "epoch": request.epoch,
            "controllerId": told.get(CONTROLLER_ID),
            "commandLine": _packed(self._profile.command),
            "envFile": self._profile.env_file,
            "workingDirectory": self._profile.working_directory,
            "logFile": self._profile.log_file,
        }
        launch = _accepted(self._host.insist("launch", fields)).launch
        if launch is None:
            raise HostSilentError(f"{self._host.instance} names no process for launch key {request.key!r}")
        return self._receipt(request.workload, launch)

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt for a key whose launch may have been interrupted; None when nothing of it was started.

        Raises:
            LauncherError: the host cannot be asked, or cannot tell.
        """
        answer = _accepted(self._host.ask("find", self._fields(workload, workload, key)))
        return None if answer.launch is None else self._receipt(workload, answer.launch)

    def running(self, scope: str) -> list[Receipt]:
        """What this launcher launched for `scope` and lives on the profile's host.

        Raises:
            LauncherError: the host cannot be asked, or cannot tell.
        """
        answer = _accepted(self._host.ask("running", self._fields(scope, scope, scope)))
        return [self._receipt(workload, launch) for workload, launch in answer.running]

    def occupant(self, workload: str) -> Receipt | None:
        """The main process that the profile's unit has now, whoever started it; None when it has none.

        Raises:
            NoPlaceError: the profile has a command, which is known by its launches alone.
            LauncherError: the host cannot be asked, or cannot tell.
        """
        if self._profile.unit is None:
            raise NoPlaceError("a command is known by its own launches alone; a profile with `unit` names one place")
        answer = _accepted(self._host.ask("occupant", self._fields(workload, workload, FOUND_KEY)))
        return None if answer.launch is None else self._receipt(workload, answer.launch)

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this process.

        `cpu_seconds` is its own, without its children's; of a unit, that of all that is left of its session.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        if (away := self._elsewhere(receipt)) is not None:
            return Description(state=RunState.ELSEWHERE, detail=away)
        try:
            said = _accepted(self._host.ask("describe", self._exactly(receipt))).said
        except (HostRefusedError, HostSilentError) as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        return Description(state=said.state or RunState.UNKNOWN, cpu_seconds=said.cpu_seconds, detail=said.detail)

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """End exactly this process and its own group: ask it, wait `grace_seconds`, then force it (at once when 0).

        `scope` is whose `epoch` it is; absent, that of whoever launched it.

        Raises:
            EpochRefusedError: a higher epoch was seen for this workload or its scope.
            InvalidInputError: the receipt's identity is malformed.
        """
        if (away := self._elsewhere(receipt)) is not None:
            return _unconfirmed(receipt, away)
        identity = identity_in(receipt, SsmIdentity)
        owner = scope or identity.scope
        fields = {
            **self._exactly(receipt),
            **self._fields(receipt.workload, owner, receipt.key),
            "epoch": epoch,
            "graceSeconds": math.ceil(grace_seconds),
        }
        try:
            said = _accepted(self._host.ask("stop", fields, takes_seconds=grace_seconds)).said
        except (HostRefusedError, HostSilentError) as error:
            return _unconfirmed(receipt, str(error))
        if said.outcome is not StopOutcome.STOPPED:
            return _unconfirmed(receipt, said.detail)
        return stopped(said.detail)

    def fence(self, scope: str, epoch: int) -> None:
        """Refuse every later call for `scope` below `epoch`, and outlast those under way; never lowers the epoch.

        Raises:
            LauncherError: the host cannot be asked, or an action of this scope did not end in time.
        """
        _accepted(self._host.ask("fence", {**self._fields(scope, scope, scope), "epoch": epoch}))

    def _fields(self, workload: str, scope: str, key: str) -> dict[str, object]:
        for field, name in (("workload", workload), ("scope", scope), ("key", key)):
            if not re.fullmatch(NAME_PATTERN, name):
                raise InvalidInputError(field, name, f"must match {NAME_PATTERN}")
        profile = self._profile
        return {
            "hostDir": profile.host_dir,
            "user": profile.user,
            "unit": profile.unit,
            "manager": profile.manager,
            "workload": workload,
            "workloadFile": file_stem(workload),
            "scope": scope,
            "scopeFile": file_stem(scope),
            "key": key,
        }

    def _exactly(self, receipt: Receipt) -> dict[str, object]:
        identity = identity_in(receipt, SsmIdentity)
        return {
            **self._fields(receipt.workload, identity.scope, receipt.key),
            "host": identity.host,
            "bootId": identity.boot_id,
            "pidNamespace": identity.pid_namespace,
            "pid": identity.pid,
            "startTime": identity.start_time,
        }

    def _elsewhere(self, receipt: Receipt) -> str | None:
        if receipt.launcher not in (LAUNCHER, PROCESS):
            return f"{receipt.called} was started by launcher {receipt.launcher!r}, which launcher 'ssm' cannot look at"
        instance = identity_in(receipt, SsmIdentity).instance
        if instance not in (None, self._host.instance):
            return f"{receipt.called} ran on {instance}, the profile names {self._host.instance}"
        return None

    def _receipt(self, workload: str, launch: FoundLaunch) -> Receipt:
        fields = launch.model_dump(exclude={"epoch", "key"})
        identity = SsmIdentity(**fields, instance=self._host.instance)
        receipt = make_receipt(LAUNCHER, identity, workload=workload, key=launch.key, epoch=launch.epoch)
        return receipt.model_copy(update={"log_file": self._profile.log_file})


def _packed(command: tuple[str, ...]) -> str:
    return base64.b64encode(b"".join(argument.encode() + b"\0" for argument in command)).decode()


def _accepted(answer: Answer) -> Answer:
    if answer.said.refused:
        raise _REFUSALS.get(answer.said.refused, HostRefusedError)(answer.said.detail)
    return answer


def _unconfirmed(receipt: Receipt, why: str) -> StopResult:
    pid = receipt.identity.get("pid")
    return unconfirmed(
        f"{why}; what would confirm it: `ps -o pid,stat,lstart,user,cmd -g {pid}` on its host shows none of it"
    )
