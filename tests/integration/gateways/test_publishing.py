"""The world is told of the replicas that serve, and of no others."""

from typing import Any

import boto3
import pytest

from paramedic.gateways import verbs
from paramedic.gateways.reconciling import GatewaysNotKeptError
from paramedic.state.wanted_gateways import read_desired
from tests.fakes.gateway_world import GATEWAY, GatewayWorld

pytestmark = pytest.mark.integration


class Named:
    """A gateway with names in a zone of the embedded Route 53."""

    def __init__(self, table_prefix: str) -> None:
        self.world = GatewayWorld(table_prefix)
        self.world.route53 = boto3.Session().client("route53")
        made = self.world.route53.create_hosted_zone(Name="models.test", CallerReference=table_prefix)
        self.zone = made["HostedZone"]["Id"].rpartition("/")[2]

    def wanted(self, replicas: int) -> dict[str, Any]:
        return {"domain": "models.test", "dns": {"zone": self.zone, "ttl": 60}, "replicas": replicas}

    def addresses(self) -> list[str]:
        found = self.world.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return sorted(each["ResourceRecords"][0]["Value"] for each in found if each["Type"] == "A")


@pytest.fixture
def named(table_prefix: str) -> Named:
    return Named(table_prefix)


def test_replicas_have_names_from_when_they_serve_until_they_are_found_down(named: Named) -> None:
    world = named.world
    world.hosts["a"].mute = {2}
    world.up(**named.wanted(2))
    world.run()
    assert named.addresses() == ["10.0.0.1"]
    world.hosts["a"].mute = set()
    world.runs(3)
    assert named.addresses() == ["10.0.0.1", "10.0.0.2"]
    assert world.run() == ()
    world.found_bad(2)
    world.run()
    assert named.addresses() == ["10.0.0.1"]
    world.found_bad(1)
    world.run()
    assert named.addresses() == ["10.0.0.1"]


def test_one_that_leaves_is_stopped_only_once_nobody_is_sent_to_it_any_more(named: Named) -> None:
    world = named.world
    world.up(**named.wanted(2))
    world.run()
    world.update(**named.wanted(1))
    world.run()
    assert (named.addresses(), len(world.living())) == (["10.0.0.2"], 2)
    world.runs(2)
    assert world.living() == ["gateway:web/2"]


def test_while_names_cannot_be_changed_nobody_is_stopped_and_it_is_said(named: Named) -> None:
    world = named.world
    world.up(**named.wanted(2))
    world.run()
    wanted = named.wanted(1)
    world.update(**{**wanted, "dns": {"zone": "ZNOTTHERE"}})
    for _ in range(3):
        with pytest.raises(GatewaysNotKeptError, match="could not be read"):
            world.run()
    assert len(world.living()) == 2
    world.update(**wanted)
    world.runs(3)
    assert world.living() == ["gateway:web/2"]


def test_a_gateway_that_is_taken_down_leaves_no_names(named: Named) -> None:
    world = named.world
    world.up(**named.wanted(1))
    world.run()
    verbs.down(GATEWAY, "ada", world.clock)
    world.runs(3)
    assert (named.addresses(), world.living(), read_desired(GATEWAY)) == ([], [], None)
