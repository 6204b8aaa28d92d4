"""Keeps the certificate on this replica's disk, so that Envoy starts with it whoever does not answer."""

import ssl
from pathlib import Path

from paramedic.clock import Clock
from paramedic.launchers.process.files import replace_file
from paramedic_gateway.certificates.source import CertificateError, Pair, Source
from paramedic_gateway.log import Log


class CertificateKeeper:
    """Keeps the pair that is served below `folder`, and puts a new one there only when it is whole.

    The source is asked at most `every` so many seconds. `look` may take as long as the source does, `current` never
    waits.
    """

    def __init__(self, source: Source | None, folder: Path, every: float, clock: Clock, log: Log) -> None:
        self._source = source
        self._folder = folder
        self._every = every
        self._clock = clock
        self._log = log
        self._next = 0.0
        self._former: str | None = None
        self.current: str | None = None
        """Name of the pair to serve, None while there was never one."""
        self.problem: str | None = None

    def restore(self) -> None:
        """Take up the pair an earlier agent kept; only a source that is at hand is looked at."""
        if self._source is None:
            return
        try:
            self.current = self._kept()
        except (CertificateError, OSError) as error:
            self._say(f"the certificate that was kept cannot be read: {error}")
        if self._source.is_at_hand:
            self.look(None)

    def look(self, in_use: str | None) -> None:
        """Take over what is new at the source, when that is due. `in_use` is the pair Envoy was last given, if any."""
        if self._source is None or self._clock.monotonic() < self._next:
            return
        self._next = self._clock.monotonic() + self._every
        try:
            pair = self._source.pair()
            if pair.name != self.current:
                self._keep(pair)
            if in_use is not None:
                self._drop_all_but({self.current, self._former, in_use})
        except (CertificateError, OSError) as error:
            self._say(f"the certificate is not renewed: {error}")
        else:
            self.problem = None

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            self._log.warning(problem)
        self.problem = problem

    def _keep(self, pair: Pair) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate, key = self._paths(pair.name)
        replace_file(certificate, pair.certificate)
        replace_file(key, pair.key)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except (ssl.SSLError, ValueError) as error:
            certificate.unlink()
            key.unlink()
            raise CertificateError(f"certificate and key do not fit or are no PEM: {error}") from None
        replace_file(self._folder / "current", pair.name.encode())
        self._former, self.current = self.current, pair.name
        self._log.info("a new certificate is served from now on; connections stay")

    def _kept(self) -> str | None:
        current = self._folder / "current"
        if not current.exists():
            return None
        name = current.read_bytes().decode(errors="replace")
        if name not in {path.stem for path in self._folder.glob("*.crt")}:
            raise CertificateError(f"{current} names {name!r}, which is not there")
        certificate, key = self._paths(name)
        if Pair(certificate.read_bytes(), key.read_bytes()).name != name:
            raise CertificateError(f"{certificate} and its key are not what was written there")
        return name

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self._folder / f"{name}.crt", self._folder / f"{name}.key"

    def _drop_all_but(self, names: set[str | None]) -> None:
        # The last are what an agent that was killed had begun to write: a key may be among them.
        for path in [*self._folder.glob("*.crt"), *self._folder.glob("*.key"), *self._folder.glob("*.tmp")]:
            if path.stem not in names:
                path.unlink(missing_ok=True)
