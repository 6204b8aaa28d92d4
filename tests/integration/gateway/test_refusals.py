"""What becomes of files that Envoy refuses, and of requests that the agent refuses."""

import subprocess
from pathlib import Path

import pytest

from paramedic_gateway.proxy.envoy_log import LONGEST_BYTES
from tests.fakes.gateway_replica import PORT, TOKEN, GatewayReplica
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

HEALTH_PATH = "/.paramedic/health"


def spoil(gateway: GatewayReplica, name: str) -> None:
    """Put a text that Envoy refuses in the place of a rendered one, of which the rest stays; until it is refused."""
    file = gateway.layout.rendered / name
    spoiled = file.with_suffix(".spoiled")
    spoiled.write_text(file.read_text().replace('"resources":[', '"resources":[{"nonsense":1},'))
    spoiled.rename(file)
    eventually(lambda: f"failure: in {file}," in gateway.layout.envoy_log.read_text(), f"Envoy to refuse {file}")


def files_with(text: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def health_status(gateway: GatewayReplica, token: str) -> int | None:
    answer = gateway.get(PORT, HEALTH_PATH, **{"x-paramedic-token": token})
    return None if answer is None else answer.status_code


def test_the_health_token_is_in_no_file_and_no_log_even_when_envoy_refuses_what_it_was_given(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    for name in ("rds/shared.json", "rds/port-echo.json", "lds.json"):
        spoil(gateway, name)
    assert health_status(gateway, TOKEN) == 200
    assert files_with(TOKEN, gateway.layout.root) == []


def test_a_wrong_token_gets_what_an_unknown_host_name_gets(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    unknown = gateway.get(PORT, "/", host="nobody.test")
    assert unknown is not None
    assert unknown.status_code == 404
    wrong = {"x-paramedic-token": "wrong"}
    for port in (PORT, 9001):
        refused = gateway.get(port, HEALTH_PATH, **wrong)
        assert refused is not None
        assert (refused.status_code, refused.text) == (404, unknown.text)
        assert set(refused.headers) == set(unknown.headers)


def test_a_successor_with_another_token_answers_only_to_that_and_envoy_runs_on(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    envoy = gateway.envoy_pid()
    gateway.kill_agent()
    gateway.start(PARAMEDIC_GATEWAY_TOKEN="another-horse")
    eventually(lambda: health_status(gateway, "another-horse") == 200, f"the new token; the log:\n{gateway.log_text()}")
    assert health_status(gateway, TOKEN) == 404
    assert gateway.envoy_pid() == envoy
    assert files_with("another-horse", gateway.layout.root) == []


def test_a_log_in_which_envoy_complains_without_end_is_cut_and_written_on(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    log = gateway.layout.envoy_log
    with log.open("ab") as complaints:
        complaints.write(b"refused, in many words\n" * (LONGEST_BYTES // 20))
    eventually(lambda: log.stat().st_size < LONGEST_BYTES, "the log to be cut")
    spoil(gateway, "rds/port-echo.json")
    assert b"\0" not in log.read_bytes()
    assert gateway.served_by() == "one"
