"""Invoking the prober: whatever goes wrong with it, its targets are unknown."""

import io
import json
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from paramedic.health.outcomes import OutcomeKind, ProbeRequest
from paramedic.health.probing import LambdaProber, Probed


class FakeLambda:
    """Answers each invocation with what `answer` makes of its targets' ids."""

    def __init__(self, answer: Callable[[list[str]], dict[str, Any]]) -> None:
        self.answer = answer
        self.invocations: list[list[str]] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: str) -> dict[str, Any]:  # noqa: N803 -- boto3's names
        ids = [target["target_id"] for target in json.loads(Payload)["targets"]]
        self.invocations.append(ids)
        return self.answer(ids)


def _answered(payload: object) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(payload).encode())}


def _all_ok(ids: list[str]) -> dict[str, Any]:
    return _answered({"outcomes": [{"target_id": each, "kind": "ok"} for each in ids]})


def _probe(answer: Callable[[list[str]], dict[str, Any]], count: int) -> tuple[Probed, FakeLambda]:
    client = FakeLambda(answer)
    requests = [ProbeRequest(target_id=f"url:{n}", url="http://x/") for n in range(count)]
    return LambdaProber(cast(Any, client), "probe").probe(requests), client


def _raises(_: list[str]) -> dict[str, Any]:
    raise ReadTimeoutError(endpoint_url="http://lambda")


def test_many_targets_are_probed_by_several_invocations() -> None:
    probed, client = _probe(_all_ok, 300)
    assert sorted(len(ids) for ids in client.invocations) == [50, 125, 125]
    assert len(probed.outcomes) == 300
    assert probed.failed_invocations == 0


def test_the_invocations_of_a_group_are_under_way_at_once() -> None:
    all_there = threading.Barrier(3, timeout=10)

    def once_all_are_there(ids: list[str]) -> dict[str, Any]:
        all_there.wait()
        return _all_ok(ids)

    assert _probe(once_all_are_there, 300)[0].failed_invocations == 0


def test_no_targets_are_no_invocation() -> None:
    assert _probe(_all_ok, 0)[1].invocations == []


@pytest.mark.parametrize(
    "answer",
    [
        _raises,
        lambda ids: _answered({"errorMessage": "boom"}) | {"FunctionError": "Unhandled"},
        lambda ids: _answered({"something": "else"}),
        lambda ids: _answered(None),
    ],
    ids=["no answer", "function error", "another shape", "nothing"],
)
def test_a_failed_invocation_makes_its_targets_unknown(answer: Callable[[list[str]], dict[str, Any]]) -> None:
    probed, _ = _probe(answer, 3)
    assert {outcome.kind for outcome in probed.outcomes.values()} == {OutcomeKind.NOT_PROBED}
    assert (len(probed.outcomes), probed.failed_invocations) == (3, 1)


def test_one_failed_invocation_leaves_the_others_outcomes_alone() -> None:
    probed, _ = _probe(lambda ids: _raises(ids) if "url:0" in ids else _all_ok(ids), 150)
    kinds = [outcome.kind for outcome in probed.outcomes.values()]
    assert (kinds.count(OutcomeKind.NOT_PROBED), kinds.count(OutcomeKind.OK)) == (125, 25)
    assert probed.failed_invocations == 1


def test_a_target_missing_from_the_report_is_unknown() -> None:
    probed, _ = _probe(lambda ids: _all_ok(ids[:1]), 2)
    assert [probed.outcomes[f"url:{n}"].kind for n in range(2)] == [OutcomeKind.OK, OutcomeKind.NOT_PROBED]
