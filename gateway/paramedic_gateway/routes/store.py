"""The last good row of every service, on this replica's disk: what it serves when DynamoDB does not answer."""

from pathlib import Path

from paramedic.launchers.process.files import HostFileError, ensure_folder, read_model, write_model
from paramedic_gateway.routes.model import ServiceRoutes


class RouteStore:
    """One file per service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> tuple[dict[str, ServiceRoutes], dict[str, str]]:
        """Everything kept, and why what cannot be understood cannot, each by service.

        Raises:
            HostFileError: the folder cannot be made.
        """
        ensure_folder(self._folder)
        kept: dict[str, ServiceRoutes] = {}
        unread: dict[str, str] = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                routes = read_model(path, ServiceRoutes)
            except HostFileError as error:
                unread[path.stem] = str(error)
                continue
            if routes is not None:
                kept[routes.service] = routes
        return kept, unread

    def keep(self, routes: ServiceRoutes) -> None:
        """Put a service's routes in the place of its former ones.

        Raises:
            HostFileError: they cannot be written; the former ones stay.
        """
        write_model(self._path(routes.service), routes)

    def forget(self, service: str) -> None:
        """A service that is gone must not come back after a restart.

        Raises:
            HostFileError: its routes cannot be removed.
        """
        path = self._path(service)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise HostFileError(f"cannot remove {path}: {error.strerror}; check its folder's owner and mode") from error

    def _path(self, service: str) -> Path:
        return self._folder / f"{service}.json"
