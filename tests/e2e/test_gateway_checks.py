"""A real gateway replica of this host under the deployed checks: what people are told of it, and what not."""

import json
import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from paramedic.clock import SystemClock
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.receipt import Receipt
from paramedic.state.target_registry import add_target, remove_target
from paramedic.state.targets import BadPeriod, Target, TargetKind, TargetMode, bucket_of
from paramedic_cli.host.gateway_replica import start_gateway
from paramedic_cli.local.stack import LocalStack
from tests.e2e.conftest import Deployed, signal_group
from tests.fakes.gateway_replica import publish
from tests.fakes.upstream import Upstream
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GATEWAY = "watched"
PORT = 8083
REPLICA = GatewayReplicaKey(GATEWAY, 1).target_id
WITNESS = "url:witness-of-the-watched"


@dataclass(frozen=True)
class Told:
    """What the alert topic sends to whoever subscribed."""

    stack: LocalStack
    queue: str

    def about(self, target_id: str) -> list[str]:
        """What has come of one target since the last look, in the words of the events."""
        found: list[str] = []
        sqs = self.stack.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                notice = json.loads(message["Body"])
                if notice.get("text", "").startswith(f"{target_id}: "):
                    found.append(notice["subject"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def told(deployed: Deployed) -> Told:
    sqs, sns = deployed.stack.client("sqs"), deployed.stack.client("sns")
    queue = sqs.create_queue(QueueName=f"told-{uuid.uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic_may_send = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [topic_may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    topic = deployed.stack.outputs.alert_topic_arn
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return Told(deployed.stack, queue)


@pytest.fixture
def served(deployed: Deployed) -> Iterator[Upstream]:
    """A service of the gateway, with a ready replica."""
    with Upstream(name="one") as upstream:
        publish("echo", 1, [upstream.url], port=9101, gateway=GATEWAY)
        yield upstream


def start(deployed: Deployed) -> Receipt:
    """The replica, once what is to be tried through it stands in its row."""
    receipt = start_gateway(deployed.layout, GATEWAY, PORT).receipt
    eventually(lambda: row().route is not None and not row().left_at, "what is to be tried")
    return receipt


def row() -> Target:
    found = Target.read(bucket_of(REPLICA), REPLICA)
    return found if found is not None else Target(bucket_of(REPLICA), REPLICA)


def found_after_a_tick(deployed: Deployed, diagnosis: str) -> BadPeriod:
    """What is recorded of the replica once it is found to be so, and the bus has heard of it."""

    def look() -> BadPeriod | None:
        bad = row().bad
        return bad if bad is not None and bad.diagnosis == diagnosis else None

    deployed.tick()
    return eventually(look, f"{diagnosis}, not {row().bad}")


def lose_routes(rendered: Path) -> str:
    """Have Envoy forget every service, as one that started empty; returns what it had."""
    shared = rendered / "rds/shared.json"
    before = shared.read_text()
    document = json.loads(before)
    [routes] = document["resources"]
    routes["virtual_hosts"] = [host for host in routes["virtual_hosts"] if host["name"] == "nobody"]
    put(shared, json.dumps({**document, "version_info": "empty"}))
    return before


def put(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def kill(receipt: Receipt, directory: Path) -> None:
    """kill -9 of the agent, then of its Envoy, which would serve on."""
    signal_group(receipt, signal.SIGKILL)
    os.kill(int(json.loads((directory / "envoy.json").read_text())["pid"]), signal.SIGKILL)


def test_people_are_told_of_lost_routes_and_of_a_killed_replica_and_of_nothing_else(
    deployed: Deployed, told: Told, served: Upstream
) -> None:
    directory = deployed.layout.gateways / GATEWAY
    agent = start(deployed)

    routes = lose_routes(directory / "envoy")
    assert found_after_a_tick(deployed, "routes_lost").outcome == "ok"
    eventually(lambda: told.about(REPLICA) == ["Gateway Replica Failed"], "people to be told of lost routes")
    put(directory / "envoy/rds/shared.json", routes)
    deployed.tick()
    eventually(lambda: row().bad is None, "the routes to be back")
    eventually(lambda: told.about(REPLICA) == ["Target Recovered"], "people to be told that they are")

    kill(agent, directory)
    assert found_after_a_tick(deployed, "dead").outcome == "refused"
    eventually(lambda: told.about(REPLICA) == ["Gateway Replica Failed"], "people to be told that it is gone")
    agent = start(deployed)
    # That it came back is told once it is steady.
    found_after_a_tick(deployed, "healthy")

    os.kill(int(agent.identity["pid"]), signal.SIGTERM)
    eventually(lambda: row().left_at, "the replica to leave")
    witnessed_tick(deployed)
    assert told.about(REPLICA) == []
    replica = GatewayReplica.read(GATEWAY, 1)
    assert replica is not None
    assert (replica.name, replica.status) == ("watched-1", "left")
    assert ("GET", "/.paramedic/route") in served.requests


def witnessed_tick(deployed: Deployed) -> None:
    """A tick of which a target beside the replica was judged."""
    target = Target(bucket_of(WITNESS), WITNESS, kind=TargetKind.URL, url="tcp://127.0.0.1:1", mode=TargetMode.OBSERVE)
    add_target(target, SystemClock())
    deployed.tick()

    def judged() -> bool:
        found = Target.read(bucket_of(WITNESS), WITNESS)
        return found is not None and found.bad is not None and found.bad.unpublished is None

    eventually(judged, "the tick to be worked on")
    remove_target(WITNESS, SystemClock())
