"""Two switches: the global one and a target's own. Neither ever lets through what it cannot vouch for."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic.recovery.holds import Switch, SwitchReading, why_held

READINGS = st.builds(SwitchReading, st.sampled_from(Switch), st.text())


@given(everything=READINGS, itself=READINGS)
def test_a_target_is_held_unless_both_switches_say_run(everything: SwitchReading, itself: SwitchReading) -> None:
    both_run = everything.state is Switch.RUN and itself.state is Switch.RUN
    assert bool(why_held(everything, itself)) != both_run


def test_people_are_told_which_switch_holds_and_whose_word_that_is() -> None:
    held = SwitchReading(Switch.HOLD, "ada: moving its disk")
    assert why_held(SwitchReading(Switch.RUN), held) == "the target's own switch is hold (ada: moving its disk)"
    assert why_held(held, held) == "the global switch is hold (ada: moving its disk)"
    assert "unreadable" in why_held(SwitchReading(Switch.UNREADABLE), held)
