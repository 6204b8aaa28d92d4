"""A disruption budget says how many ready replicas stay, and one that could never be kept is refused."""

from typing import Any

import pytest

from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.services.spec import dump_spec, load_spec, parse_spec


def document(budget: dict[str, Any], policy: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    section = {"readiness_probe": "/", "replica_policy": policy or {"min_replicas": 4}, "disruption_budget": budget}
    return {"name": "echo", "run": "serve", "service": {**section, **more}}


@pytest.mark.parametrize(
    ("budget", "wanted", "kept"),
    [
        ({"min_available": 2}, 4, 2),
        ({"min_available": 4}, 1, 4),
        ({"min_available": "50%"}, 3, 2),
        ({"min_available": "100%"}, 7, 7),
        ({"min_available": "50%"}, 0, 0),
        ({"max_unavailable": 1}, 4, 3),
        ({"max_unavailable": 9}, 4, 0),
        ({"max_unavailable": 0}, 4, 4),
        ({"max_unavailable": "30%"}, 4, 2),
    ],
)
def test_shares_round_as_those_of_a_pod_disruption_budget(budget: dict[str, Any], wanted: int, kept: int) -> None:
    found = load_spec(dump_spec(parse_spec(document(budget)))).service.disruption_budget
    assert found is not None
    assert found.floor(wanted) == kept


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (document({}), "either min_available or max_unavailable"),
        (document({"min_available": 1, "max_unavailable": 1}), "either min_available or max_unavailable"),
        (document({"min_available": 5}), "more than the 4 replicas"),
        (
            document({"min_available": 2}, {"min_replicas": 1, "max_replicas": 9, "target_qps_per_replica": 1}),
            "more than the 1 replicas",
        ),
        (document({"max_unavailable": 0}, update={"max_surge": 0, "max_unavailable": 1}), "none could be replaced"),
        (document({"min_available": "100%"}, update={"max_surge": 0, "max_unavailable": 1}), "none could be replaced"),
        (document({"min_available": "150%"}), "min_available"),
        (document({"min_available": -1}), "min_available"),
    ],
)
def test_a_budget_that_contradicts_the_rest_is_refused(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpecError, match=words):
        parse_spec(bad)


def test_spare_replicas_count_for_it() -> None:
    parse_spec(document({"min_available": 5}, {"min_replicas": 4, "num_overprovision": 1}))


def test_a_smaller_number_of_replicas_is_refused_where_the_budget_needs_more() -> None:
    section = parse_spec(document({"min_available": 3})).service
    assert section.with_policy(section.replica_policy.with_bounds(3, None)).replica_policy.min_replicas == 3
    with pytest.raises(InvalidSpecError, match=r"disruption_budget\.min_available.*more than the 2 replicas"):
        section.with_policy(section.replica_policy.with_bounds(2, None))


def test_a_spec_without_a_budget_is_stored_as_before() -> None:
    plain = parse_spec({"name": "echo", "run": "serve", "service": {"readiness_probe": "/", "replicas": 1}})
    assert "disruption_budget" not in dump_spec(plain)
