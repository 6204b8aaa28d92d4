"""Secrets that launchers themselves need: profiles name where they are, and they are read when they are used."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paramedic.launchers.aws_calls import AwsCallError, ask, client
from paramedic.launchers.interface import LauncherError
from paramedic.launchers.profile import require_one_of


class SecretUnreadableError(LauncherError):
    """A secret cannot be had from where the profile says it is."""


class SecretPlace(BaseModel):
    """Either a `file` on the launcher's host or a secret of Secrets Manager by its `arn`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = None
    arn: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+$")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        require_one_of(self, "file", "arn")
        return self

    def read(self) -> str:
        """The secret as it is now, without white space around it.

        Raises:
            SecretUnreadableError: it cannot be read, or is empty.
        """
        secret = self._text().strip()
        if not secret:
            raise SecretUnreadableError(f"secret {self.file or self.arn} is empty")
        return secret

    def _text(self) -> str:
        try:
            if self.file is not None:
                return self.file.read_text()
            return str(ask(client("secretsmanager").get_secret_value, SecretId=self.arn)["SecretString"])
        except OSError as error:
            raise SecretUnreadableError(f"cannot read secret {self.file}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise SecretUnreadableError(f"secret {self.file} is not UTF-8 text") from None
        except KeyError:
            raise SecretUnreadableError(f"secret {self.arn} is binary, not text") from None
        except AwsCallError as error:
            raise SecretUnreadableError(f"cannot read secret {self.arn}: {error}") from error
