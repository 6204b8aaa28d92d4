"""Tells the world where a gateway's replicas are: its names in DNS, or the target group of its load balancer."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.gateways.dns import Change, changes_to, removals, wanted_records
from paramedic.gateways.looking import DEFAULT_DOMAIN, ReplicaSight, Sight
from paramedic.gateways.publishers import Publishers
from paramedic.gateways.spec import CertificateOfLoadBalancer
from paramedic.gateways.target_groups import NONE, Door, Registrations, registrations
from paramedic.state.wanted_gateways import Phase


@dataclass(frozen=True)
class Due:
    """What is to be changed; false where all is as it is to be."""

    names: Sequence[Change] = ()
    registrations: Registrations = NONE

    def __bool__(self) -> bool:
        return bool(self.names or self.registrations)

    def __str__(self) -> str:
        named = ", ".join(f"{each.action.lower()} {each.record.value}" for each in self.names)
        come = ", ".join(each.address for each in self.registrations.register)
        gone = ", ".join(each.address for each in self.registrations.deregister)
        parts = (named and f"names: {named}", come and f"registered: {come}", gone and f"deregistered: {gone}")
        return "; ".join(part for part in parts if part)


def due(sight: Sight, publishers: Publishers) -> Due:
    """What would have the world know the replicas that serve, and no others.

    A replica serves from when it was seen to, until checks find it down or it is to leave.

    Raises:
        DnsError: the names could not be read.
        TargetGroupError: the target group could not be.
    """
    serving = [each for each in sight.replicas if each.phase is Phase.SERVING and not each.is_judged_down]
    spec = sight.spec
    if spec.dns is not None:
        domain = spec.domain or DEFAULT_DOMAIN
        wanted = wanted_records(spec.name, spec.dns, domain, {each.key.replica_name: _host(each) for each in serving})
        present = publishers.route53().present(spec.name, spec.dns, domain)
        return Due(names=removals(present) if sight.is_going_down else changes_to(wanted, present))
    if isinstance(spec.certificate, CertificateOfLoadBalancer):
        doors = [
            Door(_host(each), int(each.own.port or 0)) for each in serving if each.own is not None and each.own.hostname
        ]
        known = publishers.target_groups().present(spec.certificate.target_group)
        return Due(registrations=Registrations((), known) if sight.is_going_down else registrations(doors, known))
    return Due()


def publish(sight: Sight, what: Due, publishers: Publishers) -> None:
    """Change what is due.

    Raises:
        DnsError: nothing of it was changed.
        TargetGroupError: not all of it was; the next look goes on.
    """
    if what.names and sight.spec.dns is not None:
        publishers.route53().change(sight.spec.dns, what.names)
    if what.registrations and isinstance(sight.spec.certificate, CertificateOfLoadBalancer):
        publishers.target_groups().change(sight.spec.certificate.target_group, what.registrations)


def _host(replica: ReplicaSight) -> str:
    return "" if replica.own is None or not replica.own.hostname else str(replica.own.hostname)
