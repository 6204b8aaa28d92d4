"""A gateway replica keeps serving whatever dies around it."""

import json
import os
import signal
import subprocess

import pytest

from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.traffic import Ahead, read_reports
from paramedic_gateway.exits import Exit
from tests.fakes.gateway_replica import GatewayReplica, point_index_at, publish, runs, withdraw
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def held(gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream) -> subprocess.Popen[bytes]:
    """A client whose request is under way until `one` is released; it prints the answer."""
    client = subprocess.Popen(["curl", "-s", gateway.url(path="/hold")], stdout=subprocess.PIPE)
    assert one.holding.acquire(timeout=20)
    return client


def replace_envoy(gateway: GatewayReplica, *, drain_seconds: int) -> subprocess.Popen[bytes]:
    """The agent is killed, and the next one wants an Envoy with other settings."""
    gateway.kill_agent()
    return gateway.start(PARAMEDIC_GATEWAY_WORKERS="2", PARAMEDIC_GATEWAY_DRAIN_SECONDS=str(drain_seconds))


def test_a_row_is_served_and_a_change_of_it_is_followed(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("echo", 2, [two.url])
    eventually(lambda: gateway.served_by() == "two", "the change")
    withdraw("echo")
    eventually(lambda: gateway.get() is None, "the service to be gone")
    assert not (gateway.layout.routes / "echo.json").exists()


def test_an_agent_that_is_killed_leaves_envoy_serving_and_its_successor_adopts_it(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    envoy = gateway.envoy_pid()
    gateway.kill_agent()
    assert gateway.served_by() == "one"
    gateway.start()
    health = gateway.healthy()
    assert health["envoy_pid"] == envoy
    assert health["envoy_starts"] == 0
    publish("echo", 2, [two.url])
    eventually(lambda: gateway.served_by() == "two", "the successor to follow")


def test_an_envoy_whose_start_nobody_lived_to_record_is_found_all_the_same(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    envoy = gateway.envoy_pid()
    gateway.kill_agent()
    gateway.layout.envoy_identity.write_text("{")
    gateway.start()
    assert gateway.healthy()["envoy_pid"] == envoy


def test_an_envoy_that_was_started_with_other_settings_is_replaced(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    envoy = gateway.envoy_pid()
    gateway.kill_agent()
    gateway.start(PARAMEDIC_GATEWAY_WORKERS="2")
    eventually(lambda: gateway.served_by() == "one" and gateway.healthy()["envoy_starts"] == 1, "its successor")
    assert gateway.envoy_pid() != envoy


def test_requests_under_way_outlive_the_replacement_of_their_envoy_while_new_ones_are_served(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, held: subprocess.Popen[bytes]
) -> None:
    former = gateway.envoy_pid()
    replace_envoy(gateway, drain_seconds=600)
    eventually(lambda: gateway.envoy_pid() != former, f"its successor; the log:\n{gateway.log_text()}")
    for _ in range(2):
        gateway.healthy()
        assert gateway.served_by() == "one"
        # An agent that is killed meanwhile has one that finishes what it began.
        replace_envoy(gateway, drain_seconds=600)
    eventually(lambda: gateway.leaves(former), f"the former to be told; the log:\n{gateway.log_text()}")
    assert held.poll() is None
    assert gateway.served_by() == "one"
    one.release.set()
    answer, _ = held.communicate(timeout=20)
    assert json.loads(answer)["name"] == "one"
    eventually(lambda: not runs(former), "the former Envoy to end")
    assert gateway.healthy()["envoy_starts"] == 0
    eventually(lambda: gateway.healthy()["unfinished_requests"] == 0, "the request to be seen to end")
    assert gateway.served_by() == "one"


def test_requests_that_outlast_the_drain_limit_do_not_keep_a_former_envoy(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, held: subprocess.Popen[bytes]
) -> None:
    former = gateway.envoy_pid()
    replace_envoy(gateway, drain_seconds=0)
    eventually(lambda: not runs(former), f"the former Envoy to end; the log:\n{gateway.log_text()}")
    held.communicate(timeout=20)
    eventually(lambda: gateway.healthy()["unfinished_requests"] == 0, "the request to be seen to end")
    assert gateway.served_by() == "one"


def test_an_agent_that_is_asked_to_end_waits_for_the_requests_of_a_former_envoy_as_well(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, held: subprocess.Popen[bytes]
) -> None:
    former = gateway.envoy_pid()
    agent = replace_envoy(gateway, drain_seconds=600)
    eventually(lambda: gateway.leaves(former), f"the former to be told; the log:\n{gateway.log_text()}")
    agent.send_signal(signal.SIGTERM)
    eventually(lambda: gateway.get() is None, "new connections to be refused")
    assert runs(former)
    one.release.set()
    answer, _ = held.communicate(timeout=20)
    assert json.loads(answer)["name"] == "one"
    assert agent.wait(30) == Exit.STOPPED
    assert not runs(former)


def test_an_envoy_that_is_killed_comes_back_on_the_same_ports(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    killed = gateway.kill_envoy()
    eventually(lambda: gateway.served_by() == "one", "Envoy's successor")
    health = gateway.healthy()
    assert health["envoy_pid"] != killed
    assert health["envoy_starts"] == 2


def test_an_envoy_that_is_killed_again_and_again_comes_back_every_time(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    for _ in range(4):
        gateway.kill_envoy()
        eventually(lambda: gateway.served_by() == "one", "Envoy's successor")
    said = [line.partition("its successor starts in ")[2] for line in gateway.log_text().splitlines()]
    # A machine without a processor to spare may give an Envoy a long life, but never takes one away.
    assert [line.partition(" s")[0] for line in said if line][:2] == ["0", "0"]


def test_with_both_killed_and_dynamodb_gone_the_routes_come_from_disk(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    gateway.kill_agent()
    gateway.kill_envoy()
    gateway.start(AWS_ENDPOINT_URL=NOWHERE)
    eventually(lambda: gateway.served_by() == "one", "the routes on disk to be served")
    assert "DynamoDB does not answer" in gateway.problem("serving what is on disk")
    health = gateway.health()
    assert health is not None
    assert health["status"] == "ok"
    assert health["state_age_seconds"] is None


def test_a_service_whose_kept_routes_cannot_be_read_is_served_as_it_was_until_dynamodb_answers(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("echo", 2, [two.url], hosts=["shop.example.org"])
    eventually(lambda: gateway.served_by(8080, host="shop.example.org") == "two", "the first row")
    gateway.kill_agent()
    gateway.kill_envoy()
    (gateway.layout.routes / "echo.json").write_text('{"service": "ec')
    gateway.start(AWS_ENDPOINT_URL=NOWHERE)
    assert "echo.json" in gateway.problem("what it had stays in place")
    eventually(lambda: gateway.served_by() == "two", "its own port")
    assert gateway.served_by(8080, host="shop.example.org") == "two"
    assert gateway.served_by(8080, host="echo.models.test") == "two"
    gateway.kill_agent()
    gateway.start()
    eventually(lambda: gateway.healthy()["problems"] == [], "the row to be known again")
    assert gateway.served_by() == "two"


def test_a_malformed_row_keeps_its_last_good_routes_and_others_move_on(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("other", 1, [two.url], port=9002)
    eventually(lambda: gateway.served_by(9002) == "two", "the other service")
    publish("echo", 2, ["http://not-an-address:1"])
    problem = gateway.problem("echo")
    assert "routes.replicas.0.url" in problem
    assert "'not-an-address'" in problem
    assert "revision 1 stays in place" in problem
    publish("other", 2, [], port=9002)
    eventually(lambda: (answer := gateway.get(9002)) is not None and answer.status_code == 503, "the others to move on")
    assert gateway.served_by() == "one"
    publish("echo", 3, [two.url])
    eventually(lambda: gateway.served_by() == "two", "the mended row")
    assert gateway.healthy()["problems"] == []


def test_a_row_that_an_older_release_wrote_with_an_authority_nobody_can_ask_harms_no_start_and_no_other_service(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    unaskable = '{"authorization": {"url": "http://auth:99999/v"}}'
    LoadBalancer("default", "echo").update(actions=[LoadBalancer.requests.set(unaskable), LoadBalancer.revision.set(2)])
    point_index_at("echo", 2)
    assert "requests.authorization.url" in gateway.problem("revision 1 stays in place")
    gateway.kill_agent()
    gateway.start()
    assert "requests.authorization.url" in gateway.problem("revision 1 stays in place")
    publish("other", 1, [two.url], port=9002)
    eventually(lambda: gateway.served_by(9002) == "two", "the other service")
    assert gateway.served_by() == "one"


def test_a_row_older_than_what_was_applied_is_never_applied(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("echo", 7, [two.url])
    eventually(lambda: gateway.served_by() == "two", "revision 7")
    publish("echo", 6, [NOWHERE])
    assert "its revision 6 is older" in gateway.problem("older")
    gateway.kill_agent()
    gateway.start()
    assert "its revision 6 is older" in gateway.problem("older")
    assert gateway.served_by() == "two"


def test_a_row_that_was_put_back_is_reported_until_it_is_above_what_was_applied(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, two: Upstream
) -> None:
    def reported() -> list[Ahead | None]:
        return [row.ahead for row in read_reports("default")]

    publish("echo", 7, [two.url])
    eventually(lambda: gateway.served_by() == "two", "revision 7")
    publish("echo", 3, [one.url])
    eventually(lambda: reported() == [Ahead(revisions={"uid-echo": 7})], "the revision in place")
    publish("echo", 8, [one.url])
    eventually(lambda: gateway.served_by() == "one", "revision 8")
    eventually(lambda: reported() == [None], "nothing to report")


def test_a_service_that_was_made_anew_is_served_even_if_its_revision_is_lower(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    publish("echo", 7, [NOWHERE])
    publish("echo", 1, [two.url], uid="another-life")
    eventually(lambda: gateway.served_by() == "two", "the new service")


def test_an_index_that_lost_a_service_whose_row_is_there_takes_nothing_away(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], two: Upstream
) -> None:
    row = LoadBalancer.read("default", "echo")
    assert row is not None
    withdraw("echo")
    row.save()
    publish("other", 1, [two.url], port=9002)
    eventually(lambda: gateway.served_by(9002) == "two", "a look after that")
    assert gateway.served_by() == "one"
    point_index_at("echo", 1)


def test_a_second_agent_on_the_same_directory_ends_and_touches_nothing(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    envoy = gateway.envoy_pid()
    assert gateway.start().wait(20) == Exit.ALREADY_RUNNING
    assert "another agent serves from" in gateway.log_text()
    health = gateway.healthy()
    assert (health["agent_pid"], health["envoy_pid"]) == (serving.pid, envoy)


def test_hangup_ends_the_agent_alone(gateway: GatewayReplica, serving: subprocess.Popen[bytes]) -> None:
    serving.send_signal(signal.SIGHUP)
    assert serving.wait(20) == Exit.STOPPED
    assert gateway.served_by() == "one"


def test_an_agent_that_is_asked_to_end_waits_for_the_requests_under_way(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, held: subprocess.Popen[bytes]
) -> None:
    envoy = gateway.envoy_pid()
    serving.send_signal(signal.SIGTERM)
    eventually(lambda: gateway.get() is None, "new connections to be refused")
    assert os.path.exists(f"/proc/{envoy}")  # noqa: PTH110
    one.release.set()
    answer, _ = held.communicate(timeout=20)
    assert json.loads(answer)["name"] == "one"
    assert serving.wait(20) == Exit.STOPPED
    assert not os.path.exists(f"/proc/{envoy}")  # noqa: PTH110


def test_an_agent_that_is_asked_to_end_while_it_still_starts_takes_its_envoy_along(gateway: GatewayReplica) -> None:
    agent = gateway.start()
    eventually(gateway.layout.envoy_identity.exists, f"an Envoy; the log:\n{gateway.log_text()}")
    agent.terminate()
    assert agent.wait(60) == Exit.STOPPED
    assert not os.path.exists(f"/proc/{gateway.envoy_pid()}")  # noqa: PTH110


def test_a_successor_replaces_an_envoy_that_was_taking_its_leave(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes], one: Upstream, held: subprocess.Popen[bytes]
) -> None:
    serving.send_signal(signal.SIGTERM)
    eventually(lambda: gateway.get() is None, "new connections to be refused")
    gateway.kill_agent()
    gateway.start()
    eventually(lambda: gateway.served_by() == "one", "new connections to be taken")
    held.kill()
    held.communicate()


def test_wrong_settings_end_the_start_naming_the_variable(gateway: GatewayReplica) -> None:
    assert gateway.start(PARAMEDIC_GATEWAY_PORT="no").wait(20) == Exit.BAD_SETTINGS
    assert "PARAMEDIC_GATEWAY_PORT" in gateway.log_text()


def test_whoever_brings_no_token_is_told_that_the_replica_is_well_and_of_a_service_its_own_answer(
    gateway: GatewayReplica, serving: subprocess.Popen[bytes]
) -> None:
    path = "/.paramedic/health"
    for port in (8080, 9001):
        known = gateway.get(port, path, **{"x-paramedic-token": "correct-horse"})
        assert known is not None
        assert known.json()["gateway"] == "default"
    assert gateway.served_by(9001, path) == "one"
    told = gateway.get(8080, path)
    assert told is not None
    assert (told.status_code, told.text) == (200, "")
    assert "correct-horse" not in gateway.log_text()
