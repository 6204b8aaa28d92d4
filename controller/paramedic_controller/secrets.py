"""Reads the secrets that replicas are launched with; what is read goes into their environment and nowhere else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.services.secrets import SecretSource

VARIABLE_PREFIX = "PARAMEDIC_SECRET_"
"""Only variables that begin so are handed out: a service cannot ask for the controller's own credentials."""

MAX_BYTES = 64 * 1024
"""What Secrets Manager holds at most, and half of what Linux takes as one variable."""

PATIENCE_SECONDS = 4.0
"""No further secret is asked for after this: with the last call the whole stays below the self-fence lease."""

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0


class SecretError(ParamedicError):
    """A secret cannot be had; the message names it and its place, never its value."""


@dataclass(frozen=True)
class SecretReader:
    """Reads afresh for each launch, so that the next replica gets what was changed.

    `folder` is the only one whose files are handed out. `fetch` gets the text of a secret of Secrets Manager.
    """

    environ: Mapping[str, str]
    folder: Path
    fetch: Callable[[str], str]
    clock: Clock

    def __call__(self, sources: Mapping[str, SecretSource]) -> dict[str, str]:
        """The values by name.

        Raises:
            SecretError: one of them cannot be had.
        """
        deadline = self.clock.monotonic() + PATIENCE_SECONDS
        fetched: dict[str, str] = {}
        values = {}
        for name, source in sources.items():
            try:
                value = self._value(source, fetched, deadline)
                _check(value)
            except SecretError as error:
                raise SecretError(f"secret {name} cannot be had from {source}: {error}") from error.__cause__
            values[name] = value
        return values

    def _value(self, source: SecretSource, fetched: dict[str, str], deadline: float) -> str:
        if source.env is not None:
            return self._variable(VARIABLE_PREFIX + source.env)
        if source.file is not None:
            return self._content(Path(source.file))
        return self._managed(str(source.secretsmanager), source.key, fetched, deadline)

    def _variable(self, name: str) -> str:
        if not self.environ.get(name):
            raise SecretError(f"{name} is not set in the controller's environment; set it and relaunch the controller")
        return self.environ[name]

    def _content(self, path: Path) -> str:
        try:
            real = path.resolve()
            if not real.is_relative_to(self.folder.resolve()):
                raise SecretError(f"it is not in {self.folder}; put it there, or set PARAMEDIC_SECRETS_DIR")
            if not real.is_file():
                raise SecretError("there is no such file")
            with real.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise SecretError(f"it cannot be read: {error.strerror}") from None
        try:
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            # Not `from`: that error holds what is in the file.
            raise SecretError("it is not UTF-8 text") from None

    def _managed(self, secret: str, key: str | None, fetched: dict[str, str], deadline: float) -> str:
        if secret not in fetched:
            if self.clock.monotonic() >= deadline:
                raise SecretError("those before it took too long")
            fetched[secret] = self.fetch(secret)
        return fetched[secret] if key is None else _at(key, fetched[secret])


def _at(key: str, text: str) -> str:
    try:
        value = json.loads(text)[key]
    except (ValueError, TypeError, KeyError):
        value = None
    if not isinstance(value, str):
        raise SecretError("it holds no JSON object with a text of that key")
    return value


def _check(value: str) -> None:
    if not value:
        raise SecretError("it is empty")
    if "\0" in value:
        raise SecretError("it holds a NUL, which no variable can")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise SecretError("it is not UTF-8 text") from None
    if size > MAX_BYTES:
        raise SecretError(f"it is longer than {MAX_BYTES} bytes")


def fetch_from_secrets_manager(secret: str) -> str:
    """The text of a secret's current version.

    Raises:
        SecretError: Secrets Manager does not give it, or it is binary.
    """
    # Most controllers never need it, and a session of its own is safe in any thread.
    from boto3.session import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    once = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
    try:
        answer = Session().client("secretsmanager", config=once).get_secret_value(SecretId=secret)
    except (BotoCoreError, ClientError) as error:
        raise SecretError(str(error)) from error
    if "SecretString" not in answer:
        raise SecretError("it is binary, not text")
    return str(answer["SecretString"])
