"""Real gateway replicas of dstack, with nginx and SSH tunnels, are kept as they are desired."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from paramedic.gateways.dstack.client import GatewayApi, connect
from paramedic.gateways.dstack.desired import (
    NOBODYS_KEY,
    DesiredGateway,
    GatewayReplica,
    Project,
    Service,
    ServiceReplica,
)
from paramedic.gateways.dstack.finding import Finding
from paramedic.gateways.dstack.keys import keys_in
from paramedic.gateways.dstack.passes import GatewayPasses
from paramedic.gateways.dstack.reconciling import Means, Standing
from paramedic.gateways.dstack.stats import collect
from paramedic.gateways.dstack.stored import apply
from paramedic.gateways.dstack.surroundings import ask_from_here, slow_from_here
from paramedic.state.dstack_gateways import Problem
from paramedic_cli.local.project import project_root
from tests.fakes.clock import UnhurriedClock
from tests.fakes.gateway_replica import own_address
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.waiting import eventually
from tests.peers.dstack.replicas import HERE, PYTHON, Jobs, Machine

GATEWAY = "front"
RUNBOOK = project_root() / "docs/runbooks/dstack-gateway-crash-loop.md"


class ShiftedClock(UnhurriedClock):
    """Real time, which a test sets ahead instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class DiesDuringRegistration(httpx.HTTPTransport):
    """The whole machine is gone as soon as it has had a registration."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine: Machine | None = machine

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.machine is None or request.method != "POST":
            return super().handle_request(request)
        with socket.create_connection((request.url.host, request.url.port or 80)) as connection:
            head = f"POST {request.url.path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {len(request.content)}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + request.content)
            self.machine.power_off()
        self.machine = None
        raise httpx.ReadError("gone", request=request)


class LosesAnswers(httpx.HTTPTransport):
    """Delivers every call, and loses the next answer to a registration."""

    def __init__(self) -> None:
        super().__init__()
        self.loses = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if self.loses and request.url.path.endswith("/register"):
            self.loses -= 1
            answer.read()
            raise httpx.ReadTimeout("timed out", request=request)
        return answer


@dataclass
class World:
    """A gateway of three replicas, and whoever keeps it."""

    machines: Mapping[str, Machine]
    jobs: Jobs
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    transports: dict[str, httpx.BaseTransport] = field(default_factory=dict)

    def __post_init__(self) -> None:
        means = Means(ask_from_here, slow_from_here, keys_in(self.jobs.key_file.parent), self.clock.now)
        self.passes = GatewayPasses(GATEWAY, self.connect, means, self.clock)

    def connect(self, replica: GatewayReplica) -> GatewayApi:
        return connect(replica, self.transports.get(replica.name))

    def desired(self, services: Sequence[Service]) -> DesiredGateway:
        return DesiredGateway(
            name=GATEWAY,
            replicas=tuple(each.replica for each in self.machines.values()),
            projects={"main": Project(ssh_key=self.jobs.key_file.name)},
            services=tuple(services),
        )

    def want(self, *services: Service) -> None:
        apply(self.desired(services), "test", self.clock)

    def run(self) -> Mapping[str, Standing]:
        """One pass over all replicas."""
        desired = self.passes.begin().gateway
        standings = {each.replica.name: each for each in self.passes.finished()}
        self.settled = [name for name, each in standings.items() if each.is_as_desired(desired)]
        return standings

    def settle(self) -> Mapping[str, Standing]:
        """Passes until all replicas are as desired."""

        def look() -> Mapping[str, Standing] | None:
            standings = self.run()
            return standings if len(self.settled) == len(self.machines) else None

        return eventually(look, "all replicas to be as desired")

    def served_by(self, domain: str) -> list[int]:
        """The status, or the port of the job that answers, at each replica."""
        answers = [each.get(domain) for each in self.machines.values()]
        return [each.json()["port"] if each.is_success and each.content else each.status_code for each in answers]

    def await_served(self, domain: str, answer: int) -> None:
        """Until each replica gives this answer: after a change, nginx's former processes give theirs for a moment."""
        eventually(lambda: self.served_by(domain) == [answer] * 3, f"{answer} from {domain}")

    def registers(self, machine: str, project: str, service: Service) -> None:
        """Somebody else registers a service, with replicas, under an id of theirs."""
        with httpx.Client(base_url=f"{self.machines[machine].replica.api}/api/registry/{project}/services") as api:
            body = {
                "id": service.id,
                "run_name": service.name,
                "domain": service.domain,
                "https": False,
                "auth": False,
                "client_max_body_size": 0,
                "options": {},
                "ssh_private_key": self.jobs.key_file.read_text(),
            }
            api.post("/register", json=body).raise_for_status()
            for each in service.replicas:
                body = {
                    "job_id": each.id,
                    "app_port": each.app_port,
                    "ssh_host": each.ssh_host,
                    "ssh_port": each.ssh_port,
                }
                api.post(f"/{service.name}/replicas/register", json=body).raise_for_status()

    def unregisters(self, machine: str, key: str) -> None:
        project, name = key.split("/")
        url = f"{self.machines[machine].replica.api}/api/registry/{project}/services/{name}/unregister"
        httpx.post(url).raise_for_status()

    def listed(self, machine: str) -> list[str]:
        return sorted(self.connect(self.machines[machine].replica).list_services())


def made(standings: Mapping[str, Standing]) -> Mapping[str, int]:
    """How many changing calls each replica got."""
    return {name: len(each.made) for name, each in standings.items() if each.made}


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    directory, host = tmp_path_factory.mktemp("jobs"), own_address()
    ports = tuple(_free_ports(4))
    command = [str(PYTHON), str(HERE / "job.py"), str(os.getpid()), str(directory), host, *map(str, ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield Jobs(host, ports, directory / "client")
        process.kill()


def _free_ports(number: int) -> Iterator[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    for each in taken:
        yield each.getsockname()[1]
        each.close()


@pytest.fixture(scope="session")
def _machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Machine]]:
    root = tmp_path_factory.mktemp("gateways")
    machines = {name: Machine(name, root / name) for name in ("a", "b", "c")}
    try:
        yield machines
    finally:
        for each in machines.values():
            each.close()


@pytest.fixture
def world(_machines: Mapping[str, Machine], jobs: Jobs) -> Iterator[World]:
    """All replicas up and without any service."""
    for each in _machines.values():
        if not each.answers():
            each.power_off()
            each.wipe()
        each.start()
    for each in _machines.values():
        each.await_up()
    with MemoryDynamoDB().bound():
        made = World(_machines, jobs)
        for name in _machines:
            for key in made.listed(name):
                made.unregisters(name, key)
        yield made
        made.passes.close()


def test_services_are_served_by_every_replica_and_a_second_pass_changes_nothing(world: World) -> None:
    world.want(world.jobs.service("one", 0), world.jobs.service("two", 1, 2))
    first = world.settle()
    assert set(first["a"].notes.registered) == {"main/one", "main/two", NOBODYS_KEY}
    assert world.served_by("one.example.org") == [world.jobs.ports[0]] * 3
    assert set(world.served_by("two.example.org")) <= set(world.jobs.ports[1:3])
    calls = [each.changing_calls() for each in world.machines.values()]
    assert made(world.run()) == {}
    assert [each.changing_calls() for each in world.machines.values()] == calls


def test_a_replica_that_dies_while_it_is_told_keeps_no_other_from_it_and_is_made_good_when_it_is_back(
    world: World,
) -> None:
    world.transports["b"] = DiesDuringRegistration(world.machines["b"])
    world.want(world.jobs.service("one", 0))
    standings = world.run()
    assert (standings["b"].finding, len(standings["b"].made)) == (Finding.DOWN, 1)
    assert sorted(world.settled) == ["a", "c"]
    assert standings["b"].notes.registered == {}
    assert made(world.run()) == {}
    world.machines["b"].start()
    world.machines["b"].await_up()
    assert made(world.settle()).keys() <= {"b"}
    world.await_served("one.example.org", world.jobs.ports[0])


def test_a_replica_that_comes_back_with_old_state_loses_what_was_removed_and_gets_what_was_added(world: World) -> None:
    old, kept, new = (world.jobs.service(name, number) for number, name in enumerate(("old", "kept", "new")))
    world.want(old, kept)
    world.settle()
    world.machines["b"].power_off()
    world.want(kept, new)
    world.run()
    world.machines["b"].start()
    world.machines["b"].await_up()
    assert world.listed("b") == ["main/kept", "main/old", NOBODYS_KEY]
    world.run()
    assert world.listed("b") == ["main/kept", "main/new", NOBODYS_KEY]
    world.settle()
    world.await_served("new.example.org", world.jobs.ports[2])
    world.await_served("old.example.org", 503)


def test_a_replica_that_comes_back_wiped_is_filled_again_and_the_others_are_left_alone(world: World) -> None:
    world.want(world.jobs.service("one", 0), world.jobs.service("two", 1))
    world.settle()
    world.machines["c"].power_off()
    world.machines["c"].wipe()
    world.machines["c"].start()
    world.machines["c"].await_up()
    assert made(world.run()) == {"c": 5}
    world.await_served("two.example.org", world.jobs.ports[1])


def test_a_registration_whose_answer_was_lost_is_found_done_and_not_tried_again(world: World) -> None:
    losing = LosesAnswers()
    world.transports["a"] = losing
    losing.loses = 3
    world.want(world.jobs.service("one", 0))
    lost = [world.run()["a"].made[-1].problem for _ in range(3)]
    assert lost == [Problem.UNANSWERED] * 3
    assert "a" in world.settled
    assert made(world.run()) == {}
    assert world.machines["a"].changing_calls_by_status() == {200}
    assert world.served_by("one.example.org")[0] == world.jobs.ports[0]


def test_what_an_earlier_run_left_under_the_name_is_replaced_and_strangers_go_when_seen_twice(world: World) -> None:
    left = world.jobs.service("one", 1, run="run-of-last-week")
    world.registers("a", "main", left)
    world.registers("a", "main", world.jobs.service("stranger"))
    world.registers("a", "others", world.jobs.service("neighbour"))
    world.want(world.jobs.service("one", 0))
    world.run()
    world.await_served("one.example.org", world.jobs.ports[0])
    assert world.listed("a") == ["main/one", "main/stranger", "others/neighbour", NOBODYS_KEY]
    world.run()
    assert world.listed("a") == ["main/one", "others/neighbour", NOBODYS_KEY]
    assert sorted(world.settled) == ["a", "b", "c"]


def test_a_domain_that_is_somebody_elses_is_tried_ever_more_rarely_until_it_is_free(world: World) -> None:
    mine = world.jobs.service("mine", 0, domain="taken.example.org")
    world.registers("a", "others", world.jobs.service("theirs", domain="taken.example.org"))
    world.want(mine, world.jobs.service("two", 1))
    standings = world.run()
    assert standings["a"].notes.troubles["main/mine"].problem is Problem.REFUSED
    assert sorted(world.settled) == ["b", "c"]
    assert world.served_by("two.example.org") == [world.jobs.ports[1]] * 3
    assert [made(world.run()) for _ in range(3)] == [{}] * 3
    world.clock.ahead += timedelta(seconds=31)
    assert made(world.run()) == {"a": 1}
    world.unregisters("a", "others/theirs")
    assert made(world.run()) == {}
    world.clock.ahead += timedelta(seconds=61)
    world.settle()
    world.await_served("taken.example.org", world.jobs.ports[0])


def test_a_service_that_is_listed_and_not_served_is_found_through_the_data_plane_and_repaired(world: World) -> None:
    world.want(world.jobs.service("one", 0), world.jobs.service("two", 1))
    world.settle()
    world.machines["b"].lose_site("two.example.org")
    eventually(lambda: world.served_by("two.example.org")[1] == 503, "nginx to have forgotten the site")
    seen = world.run()
    assert (made(seen), set(seen["b"].notes.registered)) == ({}, {"main/one", NOBODYS_KEY})
    assert made(world.run()).keys() == {"b"}
    world.settle()
    world.await_served("two.example.org", world.jobs.ports[1])
    world.await_served("one.example.org", world.jobs.ports[0])


def test_where_a_machine_welcomes_everybody_only_what_no_other_has_proves_a_service(world: World) -> None:
    one, two = world.jobs.service("one", 0, path="/health"), world.jobs.service("two", 1, path="/")
    world.want(one)
    world.settle()
    with world.machines["a"].welcome():
        eventually(lambda: world.served_by("unknown.example.org")[0] == 200, "nginx to welcome everybody")
        world.want(one, two)
        standings = world.run()
    assert sorted(world.settled) == ["b", "c"]
    assert standings["a"].notes.registered.keys() == {"main/one"}
    assert standings["a"].troubles.keys() == {NOBODYS_KEY}


def test_a_job_whose_host_never_greets_keeps_nobody_else_waiting(world: World) -> None:
    with socket.create_server((own_address(), 0)) as tarpit:
        host, port = tarpit.getsockname()
        stuck = ServiceReplica(id="stuck", app_port=1, ssh_host=f"root@{host}", ssh_port=port)
        slow = Service(project="main", name="aaa", id="run-1", domain="aaa.example.org", replicas=(stuck,))
        world.want(slow, world.jobs.service("one", 0), world.jobs.service("two", 1))
        with ThreadPoolExecutor(1) as thread:
            passing = thread.submit(world.run)
            eventually(lambda: _serves_everywhere(world, "one", "two"), "the others to be served")
            assert not passing.done()
            standings = passing.result()
        assert {each.made[-1].problem for each in standings.values()} == {Problem.REFUSED}
        assert made(world.run()) == {}


def _serves_everywhere(world: World, *names: str) -> bool:
    try:
        return all(status != 503 for name in names for status in world.served_by(f"{name}.example.org"))
    except httpx.HTTPError:
        return False


def test_traffic_goes_on_through_a_replica_whose_api_hangs_and_changes_wait_for_it_alone(world: World) -> None:
    world.want(world.jobs.service("one", 0))
    world.settle()
    world.machines["a"].suspend()
    try:
        world.want(world.jobs.service("one", 0), world.jobs.service("two", 1))
        standings = world.run()
        assert (standings["a"].finding, standings["a"].made) == (Finding.APPLICATION_HUNG, ())
        assert "main/one" in standings["a"].notes.registered
        assert world.served_by("one.example.org") == [world.jobs.ports[0]] * 3
        assert sorted(world.settled) == ["b", "c"]
        assert set(collect(world.desired([world.jobs.service("one", 0)]), world.connect).missing) == {"a"}
    finally:
        world.machines["a"].resume()
    world.settle()
    world.await_served("two.example.org", world.jobs.ports[1])


def test_the_runbook_for_a_crash_loop_brings_back_a_replica_whose_state_file_was_cut_short(world: World) -> None:
    world.want(world.jobs.service("one", 0))
    world.settle()
    broken = world.machines["b"]
    broken.stop()
    whole = broken.state_file.read_bytes()
    broken.state_file.write_bytes(whole[: len(whole) // 2])
    broken.start()
    found = [world.run()["b"].finding for _ in range(3)]
    assert found == [Finding.APPLICATION_CLOSED, Finding.APPLICATION_CLOSED, Finding.CRASH_LOOP]
    follow(RUNBOOK, broken.state_file)
    broken.await_up()
    assert made(world.settle()).keys() <= {"b"}
    world.await_served("one.example.org", world.jobs.ports[0])


def follow(runbook: Path, state_file: Path) -> None:
    """What the runbook says to type about the state file, with the file of this replica."""
    (block,) = re.findall(r"```bash state-file\n(.*?)```", runbook.read_text(), re.DOTALL)
    subprocess.run(["bash", "-euc", block], env={**os.environ, "STATE": str(state_file)}, check=True)


def test_figures_of_all_replicas_are_summed_and_say_who_is_missing(world: World) -> None:
    world.want(world.jobs.service("one", 0))
    world.settle()
    world.await_served("one.example.org", world.jobs.ports[0])
    desired = world.desired([world.jobs.service("one", 0)])
    before = collect(desired, world.connect)
    for _ in range(4):
        world.served_by("one.example.org")
    after = collect(desired, world.connect)
    assert (before.is_whole, after.is_whole) == (True, True)
    assert after.requests["main/one"][300] - before.requests["main/one"][300] == 12
    world.machines["c"].power_off()
    partial = collect(desired, world.connect)
    assert set(partial.missing) == {"c"}
    assert partial.requests["main/one"][300] < after.requests["main/one"][300]
