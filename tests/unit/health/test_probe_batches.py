"""What one invocation of the prober is asked and answers fits what Lambda takes, whatever targets look like."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.expectations import Expectations
from paramedic.health.http_request import HttpRequest
from paramedic.health.outcomes import LONGEST_DETAIL, OutcomeKind, ProbeOutcome, ProbeReport, ProbeRequest
from paramedic.health.probe_batches import batches_of, payload_of

LAMBDA_TAKES = 6 * 1024 * 1024
MOST_TARGETS = 125
MOST_WITH_TLS = 50
LARGEST_ROW = 400 * 1024


def request(number: int, url_length: int = 0, scheme: str = "http", attempts: int = 3) -> ProbeRequest:
    url = f"{scheme}://a.example:1" + ("/" + "x" * url_length if scheme.startswith("http") else "")
    return ProbeRequest(target_id=f"url:{number}", url=url, attempts=attempts)


@given(st.lists(st.integers(0, 5000), max_size=250), st.integers(8000, 60_000))
def test_every_target_is_in_one_batch_in_its_order_and_no_batch_is_too_large_or_could_have_held_the_next(
    lengths: list[int], largest: int
) -> None:
    requests = [request(number, length) for number, length in enumerate(lengths)]
    batches = batches_of(requests, largest)
    assert [each for batch in batches for each in batch] == requests
    assert all(0 < len(batch) <= MOST_TARGETS for batch in batches)
    # The frame of an event is what an empty one is made of, and a comma for each target.
    assert all(len(payload_of(batch)) <= largest + 200 for batch in batches)
    for batch, following in pairwise(batches):
        full = len(batch) == MOST_TARGETS
        assert full or sum(len(payload_of([each])) for each in (*batch, following[0])) > largest


def test_two_hundred_of_the_largest_targets_that_a_row_can_hold_are_asked_for_in_events_that_lambda_takes() -> None:
    body = "é" * 8 * 1024
    few = {f"X-{number}": "v" * 1000 for number in range(100)}
    texts = ("t" * 1000,) * 100
    expressions = tuple(f"a[?b == '{'x' * 900}{number}']" for number in range(100))
    largest = ProbeRequest(
        target_id="url:largest",
        url="https://a.example/" + "p" * 30_000,
        request=HttpRequest(method="POST", headers=few, body=body),
        expect=Expectations(body=texts, json=expressions),
    )
    assert LARGEST_ROW * 0.8 < len(payload_of([largest]).encode()) < LARGEST_ROW
    batches = batches_of([largest] * 200)
    assert sum(map(len, batches)) == 200
    assert all(len(payload_of(batch).encode()) < LAMBDA_TAKES for batch in batches)


def test_a_hundred_outcomes_of_the_longest_details_are_an_answer_that_lambda_takes() -> None:
    detail = "\x00" * (2 * LONGEST_DETAIL + 100)  # what the sentinels said, and what the prober saw before
    outcome = ProbeOutcome(target_id="url:" + "n" * 63, kind=OutcomeKind.NOT_PROBED, detail=detail)
    report = ProbeReport(outcomes=(outcome,) * MOST_TARGETS)
    assert len(report.model_dump_json().encode()) < LAMBDA_TAKES


@given(st.lists(st.tuples(st.sampled_from(["http", "https", "tcp", "tls"]), st.sampled_from([1, 3])), max_size=400))
def test_what_is_known_to_be_down_delays_nobody_else_and_tls_is_asked_of_few_at_once(
    targets: list[tuple[str, int]],
) -> None:
    requests = [request(number, scheme=scheme, attempts=tries) for number, (scheme, tries) in enumerate(targets)]
    batches = batches_of(requests)
    asked = [each for batch in batches for each in batch]
    assert sorted(asked, key=lambda each: each.target_id) == sorted(requests, key=lambda each: each.target_id)
    assert asked == sorted(asked, key=lambda each: each.attempts > 1)
    for batch in batches:
        assert len({each.attempts for each in batch}) == 1
        with_tls = sum(each.url.startswith(("https", "tls")) for each in batch)
        assert with_tls / MOST_WITH_TLS + (len(batch) - with_tls) / MOST_TARGETS <= 1
