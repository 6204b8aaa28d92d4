"""The gateway's certificate: taken from where users keep it, checked, and handed to Envoy as a pair that fits."""

import hashlib
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic_gateway.log import Log

SECRET_SECONDS = 60.0
"""How often Secrets Manager is asked; it bills each answer."""


class CertificateError(ParamedicError):
    """The certificate cannot be had or does not fit its key; the former one is served on."""


@dataclass(frozen=True)
class Pair:
    """PEM texts."""

    certificate: bytes
    key: bytes

    @property
    def name(self) -> str:
        """The same for the same pair."""
        return hashlib.blake2s(self.certificate + b"\0" + self.key, digest_size=8).hexdigest()


class Source(Protocol):
    """Where a certificate comes from."""

    def pair(self) -> Pair:
        """The pair as it is now.

        Raises:
            CertificateError: it cannot be had.
        """


@dataclass(frozen=True)
class FileSource:
    """Two files that somebody else renews."""

    certificate: Path
    key: Path

    def pair(self) -> Pair:
        """What the files hold now."""
        try:
            return Pair(self.certificate.read_bytes(), self.key.read_bytes())
        except OSError as error:
            raise CertificateError(f"cannot read {error.filename}: {error.strerror}") from error


@dataclass(frozen=True)
class SecretSource:
    """A secret of AWS Secrets Manager: JSON with `certificate` and `private_key`."""

    secret: str

    def pair(self) -> Pair:
        """The secret's current version."""
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = boto3.client("secretsmanager").get_secret_value(SecretId=self.secret)
        except (BotoCoreError, ClientError) as error:
            raise CertificateError(f"cannot read secret {self.secret}: {error}") from error
        try:
            content = json.loads(answer["SecretString"])
            return Pair(content["certificate"].encode(), content["private_key"].encode())
        except (ValueError, KeyError, TypeError, AttributeError):
            # Not `from`: what is in the secret must not get into a log.
            problem = f"secret {self.secret} is not JSON with the texts certificate and private_key"
            raise CertificateError(problem) from None


class CertificateKeeper:
    """Keeps the pair that is served below `folder`, and puts a new one there only when it is whole."""

    def __init__(self, source: Source | None, folder: Path, every: float, clock: Clock, log: Log) -> None:
        self._source = source
        self._folder = folder
        self._every = every
        self._clock = clock
        self._log = log
        self._next = 0.0
        self._current: str | None = None
        self.problem: str | None = None

    def current(self) -> str | None:
        """Name of the pair to serve, None while there was never one. Looks at the source when that is due."""
        if self._source is None:
            return None
        if self._current is None:
            self._current = self._kept()
        if self._clock.monotonic() >= self._next:
            self._next = self._clock.monotonic() + self._every
            self._refresh(self._source)
        return self._current

    def _refresh(self, source: Source) -> None:
        try:
            pair = source.pair()
            if pair.name != self._current:
                self._keep(pair)
        except (CertificateError, OSError) as error:
            problem = f"the certificate is not renewed: {error}"
            if problem != self.problem:
                self._log.warning(problem)
            self.problem = problem
        else:
            self.problem = None

    def _keep(self, pair: Pair) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate, key = self._folder / f"{pair.name}.crt", self._folder / f"{pair.name}.key"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except (ssl.SSLError, ValueError) as error:
            certificate.unlink()
            key.unlink()
            raise CertificateError(f"certificate and key do not fit or are no PEM: {error}") from None
        (self._folder / "current.tmp").write_text(pair.name)
        (self._folder / "current.tmp").rename(self._folder / "current")
        self._drop_all_but({pair.name, self._current})
        self._current = pair.name
        self._log.info("a new certificate is served from now on; connections stay")

    def _kept(self) -> str | None:
        current = self._folder / "current"
        return current.read_text() if current.exists() else None

    def _drop_all_but(self, names: set[str | None]) -> None:
        for path in [*self._folder.glob("*.crt"), *self._folder.glob("*.key")]:
            if path.stem not in names:
                path.unlink(missing_ok=True)


def keeper_for(
    source_files: tuple[Path, Path] | None, secret: str | None, folder: Path, clock: Clock, log: Log
) -> CertificateKeeper:
    """The keeper for whichever source there is."""
    if source_files is not None:
        return CertificateKeeper(FileSource(*source_files), folder, 1.0, clock, log)
    source = None if secret is None else SecretSource(secret)
    return CertificateKeeper(source, folder, SECRET_SECONDS, clock, log)
