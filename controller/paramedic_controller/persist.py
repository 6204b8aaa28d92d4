"""Turns the difference between two states of a service into row changes: equal states need no write."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from paramedic.autoscaling.tick import differs_in_substance
from paramedic.state.autoscalers import Autoscaler
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.operations import DONE_ROWS_LIVE_SECONDS, Operation, done_item, open_item
from paramedic.state.replicas import Replica
from paramedic.state.request_handling import Routes
from paramedic.state.services import (
    KEPT_VERSIONS,
    DesiredService,
    NameReservation,
    ObservedService,
    PortReservation,
    ServiceSpecRow,
    desired_item,
    gateway_partition,
    name_item,
    observed_item,
    port_item,
    spec_item,
)
from paramedic.state.transactions import Change, Check, Delete, Put, Update, put_new
from paramedic_controller.model import Desired, OpenOperation, ReplicaRecord, ServiceState

MAX_SPECS_PER_WRITE = 50
"""Keeps a write, with its fence, within one transaction."""


@dataclass(frozen=True)
class Recorder:
    """Writes rows of one controller's services."""

    controller_id: str

    def changes(
        self, before: ServiceState, after: ServiceState, outcomes: Mapping[str, str], now: datetime
    ) -> list[Change]:
        """What turns the rows of `before` into those of `after`; `outcomes` says how closed operations ended."""
        return [
            *self._replica_changes(before, after),
            *self._operation_changes(before, after, outcomes, now),
            *self._observed_changes(before, after),
            *self._old_specs(before, after),
            *self._scaler_changes(before, after),
            *self._balancer_changes(before, after),
        ]

    def intents(self, state: ServiceState, operations: Sequence[OpenOperation]) -> list[Change]:
        """The rows of open operations once more, to renew the lease before acting on them."""
        uid = state.desired.uid
        return [
            Update(Operation(uid, open_item(each.operation_id)), tuple(_operation_actions(each))) for each in operations
        ]

    def spec_removal(self, state: ServiceState, stored: Sequence[str]) -> list[Change]:
        """What removes the next few `stored` specs, by their range keys, but not the one that is looked after.

        To be written until nothing is left to remove, before `removal`: a service may have more versions than fit one
        transaction. Nothing is removed when users changed the service meanwhile.
        """
        desired = state.desired
        old = [item for item in stored if item != spec_item(desired.name, desired.version)]
        if not old:
            return []
        unchanged = Check(DesiredService, self.controller_id, desired_item(desired.name), _is_as_read(desired))
        return [unchanged, *(Delete(ServiceSpecRow(self.controller_id, item)) for item in old[:MAX_SPECS_PER_WRITE])]

    def removal(self, state: ServiceState) -> list[Change]:
        """What removes a service that has neither a replica nor an old spec: all but its fence and its name's memory.

        Nothing is removed when users changed the service meanwhile.
        """
        desired = state.desired
        name, uid = desired.name, desired.uid
        reservation = PortReservation(gateway_partition(desired.gateway), port_item(desired.port))
        return [
            Delete(DesiredService(self.controller_id, desired_item(name)), _is_as_read(desired)),
            Delete(reservation, _is_ours(PortReservation.uid, uid)),
            Delete(ObservedService(self.controller_id, observed_item(name))),
            Delete(ServiceSpecRow(self.controller_id, spec_item(name, desired.version))),
            Delete(Autoscaler(uid)),
            *self._balancer_removal(state),
        ]

    def _balancer_removal(self, state: ServiceState) -> Iterator[Change]:
        desired, balancer = state.desired, state.balancer
        name = NameReservation(gateway_partition(desired.gateway), name_item(desired.name))
        free: list[Action] = [NameReservation.owner.remove(), NameReservation.uid.remove()]
        if balancer is not None:
            free.append(NameReservation.route_revision.set(balancer.revision))
            yield Delete(LoadBalancer(desired.gateway, desired.name), _is_ours(LoadBalancer.uid, desired.uid))
            yield Update(LoadBalancerIndex(desired.gateway, INDEX), (_indexed(desired.name).remove(),))
        yield Update(name, tuple(free), _is_ours(NameReservation.uid, desired.uid))

    def _replica_changes(self, before: ServiceState, after: ServiceState) -> Iterator[Change]:
        uid = after.desired.uid
        old = {each.replica_id: each for each in before.replicas}
        for replica in after.replicas:
            previous = old.pop(replica.replica_id, None)
            if previous is None:
                yield put_new(_replica_row(uid, replica))
            elif previous != replica:
                yield Update(Replica(uid, replica.replica_id), tuple(_replica_actions(replica)))
        for replica_id in old:
            yield Delete(Replica(uid, replica_id))

    def _operation_changes(
        self, before: ServiceState, after: ServiceState, outcomes: Mapping[str, str], now: datetime
    ) -> Iterator[Change]:
        uid = after.desired.uid
        old = {each.operation_id: each for each in before.operations}
        for operation in after.operations:
            if old.pop(operation.operation_id, None) is None:
                yield put_new(_operation_row(uid, operation))
        for operation in old.values():
            done = _operation_row(uid, operation)
            done.item = done_item(operation.operation_id)
            done.outcome = outcomes.get(operation.operation_id, "")
            done.expires_at = int(now.timestamp()) + DONE_ROWS_LIVE_SECONDS
            yield Delete(Operation(uid, open_item(operation.operation_id)))
            # An id is closed once; a row that is there all the same is the record of just that.
            yield Put(done)

    def _observed_changes(self, before: ServiceState, after: ServiceState) -> Iterator[Change]:
        observed = after.observed
        if observed is None or observed == before.observed:
            return
        # Attributes are set one by one: another release's stay.
        row = ObservedService(self.controller_id, observed_item(after.desired.name))
        actions: list[Action] = [
            ObservedService.uid.set(after.desired.uid),
            ObservedService.revision.set(observed.revision),
            ObservedService.version.set(observed.version),
            ObservedService.status.set(observed.status),
            ObservedService.message.set(observed.message),
            ObservedService.next_replica_id.set(observed.next_replica_id),
            ObservedService.generation.set(observed.generation),
            ObservedService.settled_revision.set(observed.settled_revision),
            ObservedService.failed_revision.set(observed.failed_revision),
            ObservedService.failures.set(observed.failures),
            ObservedService.retry_at.remove()
            if observed.retry_at is None
            else ObservedService.retry_at.set(observed.retry_at),
        ]
        yield Update(row, tuple(actions))

    def _old_specs(self, before: ServiceState, after: ServiceState) -> Iterator[Change]:
        """Specs that a version which now serves makes too old to be kept."""
        if before.observed is None or after.observed is None:
            return
        last = after.observed.version - KEPT_VERSIONS
        first = max(1, before.observed.version - KEPT_VERSIONS + 1, last - MAX_SPECS_PER_WRITE + 1)
        for version in range(first, last + 1):
            yield Delete(ServiceSpecRow(self.controller_id, spec_item(after.desired.name, version)))

    def _scaler_changes(self, before: ServiceState, after: ServiceState) -> Iterator[Change]:
        scaler = after.scaler
        if scaler is None:
            return
        if before.scaler is None or differs_in_substance(before.scaler, scaler):
            yield Update(Autoscaler(after.desired.uid), (Autoscaler.state.set(scaler),))

    def _balancer_changes(self, before: ServiceState, after: ServiceState) -> Iterator[Change]:
        balancer, desired = after.balancer, after.desired
        if balancer is None or balancer == before.balancer:
            return
        actions: list[Action] = [
            LoadBalancer.uid.set(desired.uid),
            LoadBalancer.host.set(balancer.host),
            LoadBalancer.port.set(desired.port),
            LoadBalancer.policy.set(balancer.policy),
            LoadBalancer.routes.set(Routes(replicas=balancer.routes, draining=balancer.draining)),
            LoadBalancer.revision.set(balancer.revision),
        ]
        if balancer.requests is not None:
            actions.append(LoadBalancer.requests.set(balancer.requests.model_dump_json()))
        ours = _is_ours(LoadBalancer.uid, desired.uid)
        yield Update(LoadBalancer(desired.gateway, desired.name), tuple(actions), ours)
        revision = _indexed(desired.name).set(balancer.revision)
        yield Update(LoadBalancerIndex(desired.gateway, INDEX), (revision,))


def _is_as_read(desired: Desired) -> Condition:
    unchanged: Condition = (DesiredService.uid == desired.uid) & (DesiredService.revision == desired.revision)
    return unchanged


def _is_ours(owner: Attribute[str], uid: str) -> Condition:
    """Two controllers may know a service of one name: a gateway serves only the one whose row it is."""
    ours: Condition = owner.does_not_exist() | (owner == uid)
    return ours


def _indexed(service: str) -> Path:
    """A service's revision within its gateway's index."""
    return Path(["revisions", service])


def _replica_row(uid: str, replica: ReplicaRecord) -> Replica:
    return Replica(
        uid,
        replica.replica_id,
        version=replica.version,
        generation=replica.generation,
        url=replica.url,
        status=replica.status,
        operation=replica.operation,
        launched_at=replica.launched_at,
        ready_at=replica.ready_at,
        receipt=replica.receipt,
        instance_type=replica.instance_type,
    )


def _replica_actions(replica: ReplicaRecord) -> Iterator[Action]:
    yield Replica.status.set(replica.status)
    yield Replica.launched_at.set(replica.launched_at)
    if replica.ready_at is not None:
        yield Replica.ready_at.set(replica.ready_at)
    if replica.receipt is not None:
        yield Replica.receipt.set(replica.receipt)


def _operation_actions(operation: OpenOperation) -> Iterator[Action]:
    yield Operation.kind.set(operation.kind)
    yield Operation.replica_id.set(operation.replica_id)
    yield Operation.version.set(operation.version)
    yield Operation.reason.set(operation.reason)
    yield Operation.opened_by_epoch.set(operation.opened_by_epoch)
    yield Operation.opened_at.set(operation.opened_at)


def _operation_row(uid: str, operation: OpenOperation) -> Operation:
    return Operation(
        uid,
        open_item(operation.operation_id),
        kind=operation.kind,
        replica_id=operation.replica_id,
        version=operation.version,
        reason=operation.reason,
        opened_by_epoch=operation.opened_by_epoch,
        opened_at=operation.opened_at,
    )
