"""Who is taken for a replica that nobody knows any more."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.reaping import keys_of, strangers
from tests.unit.controller.states import operation, replica, state

WORKLOADS = st.sampled_from(["replica:u/1", "replica:gone/7", "controller:main", "gateway:default/0", "target:x"])
LISTED = st.lists(
    st.builds(
        lambda workload, key, epoch: Receipt(launcher="fake", workload=workload, key=key, epoch=epoch, identity={}),
        WORKLOADS,
        st.sampled_from(["launch1", "launch2", "open", "lost"]),
        st.integers(1, 9),
    )
)
KNOWN = state(
    replica(1),
    replica(2, ReplicaStatus.STOPPING),
    operations=(operation("open", OperationKind.LAUNCH, 3), operation("stop", OperationKind.STOP, 2)),
)


@given(listed=LISTED, epoch=st.integers(1, 9))
def test_never_a_replica_with_a_row_or_an_open_operation_nor_anything_but_a_replica(
    listed: list[Receipt], epoch: int
) -> None:
    found = strangers(listed, keys_of(KNOWN), epoch)
    assert all(each.key == "lost" for each in found)
    assert all(each.workload.startswith("replica:") and each.epoch <= epoch for each in found)
    assert [each for each in listed if each.key == "lost" and each.workload == "replica:u/1" and each.epoch == 1] == [
        each for each in found if each.workload == "replica:u/1" and each.epoch == 1
    ]
