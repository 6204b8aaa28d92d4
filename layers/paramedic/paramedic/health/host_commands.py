"""Has checks made on hosts by SSM Run Command: all are sent at once, then all are waited for together.

Whatever keeps a check from being made says nothing about its target: throttling, a missing permission, an agent that
is offline or too slow.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from paramedic.clock import Clock
from paramedic.health.diagnosis import HostCheck
from paramedic.health.on_host import REFUSED, HostAnswer, OnHost
from paramedic.run_command import POLL_SECONDS, Ended, NotSentError, RunCommand, look, send

DEADLINE_SECONDS = 20.0
"""From the first command that is sent. A healthy agent answers within a few seconds; the script takes ten at most."""

CALLS_AT_ONCE = 16

FAILS = 1
"""The script's exit code for a target that is not well; any other but 0 means that it could not tell."""

LONGEST_DETAIL = 200


class HostChecks(Protocol):
    """Whatever can have checks made on hosts."""

    def ask(self, asked: Mapping[str, OnHost]) -> Mapping[str, HostAnswer]:
        """One answer for each that is asked, never an error."""


class NoHostChecks:
    """For a stack that may make none."""

    def ask(self, asked: Mapping[str, OnHost]) -> Mapping[str, HostAnswer]:
        """Nothing is known of any."""
        return {name: _unknown(REFUSED) for name in asked}


@dataclass(frozen=True)
class SsmHostChecks:
    """Makes them with one document, which defines all that can be asked."""

    client: RunCommand
    document: str
    clock: Clock

    def ask(self, asked: Mapping[str, OnHost]) -> Mapping[str, HostAnswer]:
        """One answer for each that is asked, never an error, within the deadline and one call."""
        if not asked:
            return {}
        until = self.clock.monotonic() + DEADLINE_SECONDS
        with ThreadPoolExecutor(max_workers=min(CALLS_AT_ONCE, len(asked))) as callers:
            sent = dict(zip(asked, callers.map(self._send, asked.values()), strict=True))
            answers = {name: each for name, each in sent.items() if isinstance(each, HostAnswer)}
            while (waiting := [name for name in asked if name not in answers]) and self.clock.monotonic() < until:
                self.clock.sleep(POLL_SECONDS)
                looks = callers.map(lambda name: self._look(str(sent[name]), asked[name].instance), waiting)
                answers |= {name: look for name, look in zip(waiting, looks, strict=True) if look is not None}
        return {name: answers.get(name) or _late(each) for name, each in asked.items()}

    def _send(self, each: OnHost) -> str | HostAnswer:
        """The command's id, or why there is none."""
        try:
            return send(self.client, self.document, each.instance, each.parameters())
        except NotSentError as error:
            return _unknown(str(error))

    def _look(self, command_id: str, instance: str) -> HostAnswer | None:
        """What came of it, None while that is not known."""
        ended = look(self.client, command_id, instance)
        return None if ended is None else _judged(ended)


def _judged(ended: Ended) -> HostAnswer:
    said = ended.said[:LONGEST_DETAIL]
    match ended.status, ended.code:
        case "Success", _:
            return HostAnswer(HostCheck.PASSES, said)
        case "Failed", code if code == FAILS:
            return HostAnswer(HostCheck.FAILS, said)
        case _, code:
            return _unknown(f"the check came to no end on its host ({ended.detail}, exit code {code}): {said}")


def _late(each: OnHost) -> HostAnswer:
    return _unknown(f"{each.instance} did not answer within {DEADLINE_SECONDS:.0f} s: is its SSM agent online?")


def _unknown(why: str) -> HostAnswer:
    return HostAnswer(HostCheck.UNKNOWN, why)
