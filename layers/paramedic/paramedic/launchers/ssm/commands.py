"""Asking one host, through the stack's document: a question, and an answer that is whole or none."""

from collections.abc import Mapping

from paramedic.clock import Clock
from paramedic.launchers.ssm.answers import Answer, HostSilentError, parse_answer
from paramedic.run_command import POLL_SECONDS, NotSentError, RunCommand, look, send

ANSWER_SECONDS = 20.0
"""A healthy agent answers within a few seconds; the script waits for 17 s at most, for locks and systemd."""

type Fields = Mapping[str, object]


class HostCommands:
    """Has the document run on one instance. A host that was silent is not waited for again, but where that matters."""

    def __init__(self, client: RunCommand, document: str, instance: str, clock: Clock) -> None:
        self.instance = instance
        self._client = client
        self._document = document
        self._clock = clock
        self._silent: HostSilentError | None = None

    def ask(self, action: str, fields: Fields, *, takes_seconds: float = 0) -> Answer:
        """The host's answer. `takes_seconds` is how long what is asked for may take itself.

        Raises:
            HostSilentError: there is none, or was none the last time.
        """
        if self._silent is not None:
            raise HostSilentError(str(self._silent))
        try:
            return self._answer(action, fields, takes_seconds)
        except HostSilentError as error:
            self._silent = error
            raise

    def insist(self, action: str, fields: Fields) -> Answer:
        """The host's answer, asked for once more where the first may be lost: for what is harmless twice.

        Raises:
            HostSilentError: there was none both times.
        """
        try:
            return self._answer(action, fields, 0)
        except HostSilentError:
            return self._answer(action, fields, 0)

    def _answer(self, action: str, fields: Fields, takes_seconds: float) -> Answer:
        given = {name: [str(value)] for name, value in fields.items() if value not in (None, "")}
        try:
            command_id = send(self._client, self._document, self.instance, {"action": [action], **given})
        except NotSentError as error:
            raise HostSilentError(str(error)) from error
        limit = ANSWER_SECONDS + takes_seconds
        until = self._clock.monotonic() + limit
        while self._clock.monotonic() < until:
            self._clock.sleep(POLL_SECONDS)
            ended = look(self._client, command_id, self.instance)
            if ended is not None and ended.status == "Success":
                return parse_answer(ended.said)
            if ended is not None:
                raise HostSilentError(
                    f"{action} came to no end on {self.instance} ({ended.detail}, exit code {ended.code}): "
                    f"{ended.said[-200:]}"
                )
        raise HostSilentError(f"{self.instance} did not answer within {limit:.0f} s: is its SSM agent online?")
