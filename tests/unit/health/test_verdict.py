"""What one probe says by itself."""

import pytest

from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict, has_failed, verdict_of

OWN_TROUBLE = (OutcomeKind.NOT_PROBED, OutcomeKind.FORBIDDEN_ADDRESS)


@pytest.mark.parametrize("kind", OWN_TROUBLE)
def test_what_could_not_be_probed_is_unknown_and_did_not_fail(kind: OutcomeKind) -> None:
    assert verdict_of(kind) is Verdict.UNKNOWN
    assert not has_failed(kind)


def test_ok_is_healthy() -> None:
    assert verdict_of(OutcomeKind.OK) is Verdict.HEALTHY


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind not in (*OWN_TROUBLE, OutcomeKind.OK)])
def test_every_other_outcome_is_a_failure_worth_a_second_signal(kind: OutcomeKind) -> None:
    assert has_failed(kind)
