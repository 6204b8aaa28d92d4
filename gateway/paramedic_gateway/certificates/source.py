"""Where the gateway's certificate comes from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

from paramedic.errors import ParamedicError

CONNECT_TIMEOUT_SECONDS = 1.0
READ_TIMEOUT_SECONDS = 2.0
ATTEMPTS = 2
"""Secrets Manager is asked again at the next look anyway."""


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

    @property
    def is_at_hand(self) -> bool:
        """Whether Envoy's start may wait for it: nobody else has to answer."""

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
    is_at_hand: ClassVar[bool] = True

    def pair(self) -> Pair:
        """What the files hold now."""
        try:
            return Pair(self.certificate.read_bytes(), self.key.read_bytes())
        except OSError as error:
            raise CertificateError(f"cannot read {error.filename}: {error.strerror}") from error


class _Secrets(Protocol):
    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]: ...  # noqa: N803 - boto3's name


@dataclass(frozen=True)
class SecretSource:
    """A secret of AWS Secrets Manager: JSON with `certificate` and `private_key`."""

    secret: str
    is_at_hand: ClassVar[bool] = False

    def pair(self) -> Pair:
        """The secret's current version."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_secret_value(SecretId=self.secret)
        except (BotoCoreError, ClientError) as error:
            raise CertificateError(f"cannot read secret {self.secret}: {error}") from error
        try:
            content = json.loads(answer["SecretString"])
            return Pair(content["certificate"].encode(), content["private_key"].encode())
        except (ValueError, KeyError, TypeError, AttributeError):
            # Not `from`: what is in the secret must not get into a log.
            problem = f"secret {self.secret} is not JSON with the texts certificate and private_key"
            raise CertificateError(problem) from None

    @cached_property
    def _client(self) -> _Secrets:
        import boto3
        from botocore.config import Config

        patience = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": ATTEMPTS},
        )
        client: _Secrets = boto3.client("secretsmanager", config=patience)
        return client
