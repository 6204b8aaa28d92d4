"""A yes counts for one plan, once, and not for long."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.recovery.approvals import Plan, is_approved, plan_id, why_not_approve

ASKED = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
EXPIRES = ASKED + timedelta(minutes=30)
SINCE = "2026-01-05T02:59:00.000Z"
NAME = plan_id(SINCE, 4)
OPEN = Plan(plan_id=NAME, expires_at=EXPIRES)
APPROVED = OPEN.model_copy(update={"approved_by": "ada", "approved_reason": "seen it"})
USED = APPROVED.model_copy(update={"used_epoch": 4})

names = st.builds(plan_id, st.sampled_from([SINCE, "2026-01-05T04:10:00.000Z"]), st.integers(3, 5))
moments = st.integers(-60, 3600).map(lambda seconds: ASKED + timedelta(seconds=seconds))
plans = st.one_of(
    st.none(),
    st.builds(
        Plan,
        plan_id=names,
        expires_at=moments,
        approved_by=st.sampled_from([None, "ada"]),
        approved_reason=st.just("why"),
        used_epoch=st.sampled_from([None, 3, 4]),
    ),
)


@given(plan=plans, wanted=st.one_of(st.none(), names), moment=moments)
def test_a_yes_never_counts_twice_nor_after_its_time_nor_for_another_plan(
    plan: Plan | None, wanted: str | None, moment: datetime
) -> None:
    if is_approved(plan, wanted, moment):
        assert plan is not None
        assert plan.approved_by
        assert plan.used_epoch is None
        assert plan.plan_id == wanted
        assert moment < plan.expires_at


@given(plan=plans, wanted=st.one_of(st.none(), names), moment=moments)
def test_whatever_may_be_approved_counts_once_it_is_and_never_again_once_it_was_used(
    plan: Plan | None, wanted: str | None, moment: datetime
) -> None:
    if why_not_approve(plan, wanted, moment) is not None:
        return
    assert plan is not None
    assert not is_approved(plan, wanted, moment)
    approved = plan.model_copy(update={"approved_by": "bob"})
    assert is_approved(approved, wanted, moment)
    assert why_not_approve(approved, wanted, moment) is not None
    used = approved.model_copy(update={"used_epoch": 9})
    assert not is_approved(used, wanted, moment)
    assert why_not_approve(used, wanted, moment) is not None


@pytest.mark.parametrize(
    ("plan", "wanted", "moment", "said"),
    [
        (None, NAME, ASKED, "nobody was asked"),
        (USED, None, ASKED, "carried out already, as epoch 4, approved by ada"),
        (APPROVED, NAME, ASKED, "ada has approved it already"),
        (OPEN, None, ASKED, "not bad any more"),
        (OPEN, plan_id(SINCE, 5), ASKED, f"would be done now is {SINCE}/5"),
        (OPEN, NAME, EXPIRES, "good until 2026-01-05 03:30:00Z"),
    ],
)
def test_each_refusal_says_why(plan: Plan | None, wanted: str | None, moment: datetime, said: str) -> None:
    assert said in str(why_not_approve(plan, wanted, moment))


def test_two_bad_periods_or_attempts_never_share_a_plan() -> None:
    assert len({plan_id(SINCE, 4), plan_id(SINCE, 5), plan_id("2026-01-05T04:10:00.000Z", 4)}) == 3
