"""What a standby reads of every service in advance, and which of it still holds once the fences are sealed."""

from collections.abc import Mapping
from dataclasses import dataclass

from paramedic.state.fencing import LastWrite
from paramedic_controller.model import Desired, ServiceState


@dataclass(frozen=True)
class Kept:
    """A service as it was read while its fence showed `write`; no `state` where nothing whole could be read."""

    write: LastWrite
    state: ServiceState | None

    def holds(self, desired: Desired, write: LastWrite | None) -> bool:
        """Whether reading again would bring the same: nobody wrote since, and users want the same.

        Before a service's first write its state also depends on rows that other services of its name leave.
        """
        state = self.state
        return state is not None and state.balancer is not None and (state.desired, self.write) == (desired, write)


class Snapshot:
    """Services by name. Never more than a guess: whoever takes a state names the last write under his own seal."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def outdated(self, writes: Mapping[str, LastWrite]) -> list[str]:
        """The services to read again, given the last write of all there are; those that are gone are forgotten."""
        self._kept = {name: kept for name, kept in self._kept.items() if name in writes}
        return [name for name, write in writes.items() if name not in self._kept or self._kept[name].write != write]

    def keep(self, name: str, write: LastWrite, state: ServiceState | None) -> None:
        """Remember `state`, read while `write` was the last one."""
        self._kept[name] = Kept(write, state)

    def keep_whole(self, name: str, state: ServiceState | None, *, before: LastWrite, after: LastWrite | None) -> None:
        """Remember `state`, read between two looks at the fence, unless that was written meanwhile."""
        self.keep(name, before, state if before == after else None)

    def take(self, desired: Desired, write: LastWrite | None) -> ServiceState | None:
        """The service's state if it holds; once, as its owner writes from then on."""
        kept = self._kept.pop(desired.name, None)
        return kept.state if kept is not None and kept.holds(desired, write) else None
