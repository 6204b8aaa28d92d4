"""What people send: every payload of events/ is one, and a wrong one is refused by the name of its field."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.recovery.messages import REQUESTS, ByHand, parse_request

EVENTS = Path(__file__).parents[3] / "events"
VERBS = sorted(name for name, model in REQUESTS.items() if issubclass(model, ByHand))


def recorded(action: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{action}.json").read_text())
    return payload


@pytest.mark.parametrize("action", REQUESTS)
def test_there_is_a_payload_to_copy_for_each_action(action: str) -> None:
    assert type(parse_request(recorded(action))) is REQUESTS[action]


@pytest.mark.parametrize("action", VERBS)
@pytest.mark.parametrize("field", ["target", "actor", "reason", "request_id"])
def test_every_verb_needs_to_know_what_who_why_and_which_request(action: str, field: str) -> None:
    with pytest.raises(InvalidInputError, match=f"event.{field}"):
        parse_request({**recorded(action), field: ""})
    with pytest.raises(InvalidInputError, match=f"event.{field}"):
        # More than a table takes in a key or in a row, and people in a message.
        parse_request({**recorded(action), field: "x" * 400_000})
    with pytest.raises(InvalidInputError, match=f"event.{field}"):
        parse_request({name: value for name, value in recorded(action).items() if name != field})


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("recover", "predecessor_gone", ""),
        ("replace", "predecessor_gone", "only where nobody can look"),
        ("approve", "plan", ""),
        ("hold", "until", "tomorrow"),
        ("release", "dry_run", "perhaps"),
        ("history", "limit", 0),
        ("recover", "predecessor_gone", "w" * 2001),
        ("approve", "plan", "p" * 501),
        ("status", "target", "t" * 501),
        ("status", "actor", "ada"),
    ],
)
def test_what_a_verb_does_not_take_is_refused_by_name(action: str, field: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"event.{field}"):
        parse_request({**recorded(action), field: value})


@pytest.mark.parametrize("action", [None, "explode", 7, ["recover"]])
def test_an_unknown_action_is_answered_with_those_there_are(action: object) -> None:
    with pytest.raises(InvalidInputError, match=r"event.action: must be one of recover, replace, force"):
        parse_request({**recorded("recover"), "action": action})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)


@given(
    action=st.sampled_from(sorted(REQUESTS)),
    field=st.sampled_from(
        ["action", "target", "actor", "reason", "request_id", "dry_run", "plan", "limit", "surprise"]
    ),
    value=ANYTHING,
)
def test_whatever_is_sent_is_understood_or_refused_by_the_name_of_what_is_wrong(
    action: str, field: str, value: object
) -> None:
    refused = None
    try:
        parse_request({**recorded(action), field: value})
    except InvalidInputError as error:
        refused = error
    assert refused is None or refused.field.startswith(f"event.{field}")
