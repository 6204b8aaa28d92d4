"""A process that waits to take a controller's place: everything loaded and read, nothing claimed, no port taken."""

from collections.abc import Callable
from dataclasses import dataclass, field

from paramedic.clock import Clock
from paramedic.state.claims import ClaimRefusedError, claim_granted
from paramedic.state.controllers import ENDPOINT, EPOCH, ControllerEndpoint, ControllerEpoch
from paramedic.state.fencing import LastWrite, read_last_write, read_last_writes
from paramedic.state.standbys import read_standing, register_standby, renew_standby
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic_controller.boot import Claimed, own_receipt
from paramedic_controller.exits import CannotStartError, Exit
from paramedic_controller.ports import bind, require_own_address
from paramedic_controller.restore import read_desired, read_service
from paramedic_controller.settings import Settings
from paramedic_controller.snapshot import Snapshot
from paramedic_controller.take_over import Grant

LOOK_SECONDS = 1.0
"""Between two looks for the grant: what a take-over may lose at most before it begins."""

REFRESH_SECONDS = 30.0
"""Between two looks at all fences. What moved since the last one is read again after the seal, so this only keeps
that little."""

SHOW_SECONDS = 60.0
"""Between two signs of life, which are for people alone."""


@dataclass
class Standby:
    """Waits for a grant and keeps `snapshot` fresh meanwhile. It writes nothing but its own registration."""

    controller_id: str
    process_id: str
    clock: Clock
    warn: Callable[[str], None]
    snapshot: Snapshot = field(default_factory=Snapshot)
    _epoch: int | None = None
    _stopping: bool = False
    _unread: dict[str, LastWrite] = field(default_factory=dict)
    _refresh_at: float = 0.0
    _show_at: float = 0.0
    _silent: bool = False

    def stop(self) -> None:
        """End within one look; safe to call from a signal handler."""
        self._stopping = True

    def wait(self) -> Grant | None:
        """The grant, once there is one; None when told to stop before.

        Raises:
            StandbyReplacedError: another process is the controller's standby now.
        """
        self._show_at = self.clock.monotonic() + SHOW_SECONDS
        while not self._stopping:
            next_look = self.clock.monotonic() + LOOK_SECONDS
            grant = self._look(next_look)
            if grant is not None:
                return grant
            self.clock.sleep(max(0.0, next_look - self.clock.monotonic()))
        return None

    def _look(self, next_look: float) -> Grant | None:
        try:
            standing = read_standing(self.controller_id, self.process_id)
            if standing is not None:
                self._follow(standing.epoch)
                if standing.granted:
                    return Grant(standing.epoch, self.clock.now(), self.clock.monotonic())
            self._read_ahead(next_look)
            self._show()
        except (InvalidRowError, StateUnreachableError) as error:
            if not self._silent:
                self.warn(f"the standby goes on looking: {error}")
            self._silent = True
        else:
            self._silent = False
        return None

    def _follow(self, epoch: int) -> None:
        """Forget what was read before a restore from a backup: fences may look as they did, and rows be others."""
        if self._epoch is not None and epoch not in (self._epoch, self._epoch + 1):
            self.snapshot.clear()
            self._unread.clear()
            self._refresh_at = self.clock.monotonic()
        self._epoch = epoch

    def _read_ahead(self, until: float) -> None:
        """As much as can be read before the next look is due; at least one service."""
        now = self.clock.monotonic()
        if not self._unread and now >= self._refresh_at:
            writes = {name: write for name, (_, write) in read_last_writes(self.controller_id).items()}
            self._unread = {name: writes[name] for name in self.snapshot.outdated(writes)}
            self._refresh_at = now + REFRESH_SECONDS
        while self._unread and not self._stopping:
            # One that gets no answer is not in the others' way: the next refresh finds it again.
            self._read(*self._unread.popitem())
            if self.clock.monotonic() >= until:
                break

    def _read(self, name: str, before: LastWrite) -> None:
        try:
            desired = read_desired(self.controller_id, name)
            state = None if desired is None else read_service(self.controller_id, desired)
            after = read_last_write(self.controller_id, name)
        except InvalidRowError:
            # Whoever takes over reads it again, and quarantines the service if it is still so.
            state, after = None, None
        self.snapshot.keep_whole(name, state, before=before, after=after)

    def _show(self) -> None:
        if self.clock.monotonic() >= self._show_at:
            renew_standby(self.controller_id, self.process_id, self.clock)
            self._show_at = self.clock.monotonic() + SHOW_SECONDS


def register(settings: Settings, process_id: str, clock: Clock) -> None:
    """Become the standby of a controller of this host.

    Raises:
        CannotStartError: the controller has never started, or its address is not this host's.
        StateUnreachableError: DynamoDB did not answer.
    """
    name = settings.controller_id
    current, endpoint = ControllerEpoch.read(name, EPOCH), ControllerEndpoint.read(name, ENDPOINT)
    if current is None or endpoint is None:
        raise CannotStartError(
            Exit.CANNOT_STAND_BY, f"controller {name} has never started, so nothing can stand by for it: start it first"
        )
    require_own_address(settings.own_address(endpoint.host))
    register_standby(name, process_id, own_receipt(settings, int(current.epoch), process_id), clock)


def claim_grant(settings: Settings, epoch: int, process_id: str, clock: Clock) -> Claimed:
    """Bind the controller's port and claim the granted `epoch`.

    Raises:
        CannotStartError: the grant was withdrawn, or the port is taken; nothing was changed.
        StateUnreachableError: DynamoDB did not answer; nothing was claimed, or nobody will know.
    """
    name = settings.controller_id
    endpoint = ControllerEndpoint.read(name, ENDPOINT)
    if endpoint is None:
        raise CannotStartError(Exit.CLAIM_REFUSED, f"controller {name} has no endpoint item: restore it from a backup")
    listener = bind(settings.own_address(endpoint.host), int(endpoint.port), clock)
    try:
        claim_granted(name, epoch, process_id, own_receipt(settings, epoch, process_id), clock)
    except ClaimRefusedError as error:
        listener.close()
        raise CannotStartError(Exit.CLAIM_REFUSED, f"the standby was too late: {error}; nothing was changed") from error
    return Claimed(epoch, process_id, listener, recover_mode=True)
