"""Files in which people write what they have checked: any number of targets of any kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from paramedic.downtime.asked_windows import AskedWindows, DowntimeWindow
from paramedic.errors import InvalidInputError
from paramedic.health.on_host import ControllerOnHost, HostTarget
from paramedic.health.push_targets import PushTarget
from paramedic.health.url_targets import UrlTarget
from paramedic.validation import validated

LARGEST_FILE = 1024 * 1024
DOWNTIME = "downtime"

type WantedTarget = UrlTarget | PushTarget | HostTarget | ControllerOnHost

_KINDS: Mapping[str, type[WantedTarget]] = {"push": PushTarget, "ssm": HostTarget, "controller": ControllerOnHost}
"""By the field that only this kind has; what has none of them has a `url`."""


@dataclass(frozen=True)
class WrittenTarget:
    """A target, and the windows in which it is off on purpose."""

    target: WantedTarget
    downtime: tuple[DowntimeWindow, ...] = ()


class _Windows(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    downtime: AskedWindows = ()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    targets: tuple[dict[str, Any], ...]

    @model_validator(mode="after")
    def _each_is_there_once(self) -> "_File":
        names = [str(each.get("name", each.get("controller"))) for each in self.targets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"there twice: {', '.join(twice)}")
        return self


def read_targets(path: Path) -> tuple[WrittenTarget, ...]:
    """The targets in a YAML file.

    Raises:
        InvalidInputError: it is too large, not YAML, or a target cannot be used; names the field.
        OSError: it cannot be read.
    """
    import yaml

    if path.stat().st_size > LARGEST_FILE:
        raise InvalidInputError(str(path), path.stat().st_size, f"is larger than {LARGEST_FILE} bytes")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInputError(str(path), "text", f"is not YAML: {error}") from error
    written = validated(_File, document, root=path.name).targets
    return tuple(_written(each, f"{path.name}.targets.{number}") for number, each in enumerate(written))


def _written(written: Mapping[str, Any], root: str) -> WrittenTarget:
    kind = next((_KINDS[field] for field in _KINDS if field in written), UrlTarget)
    if kind is ControllerOnHost:  # its windows are planned by the command alone
        return WrittenTarget(validated(kind, written, root))
    windows = validated(_Windows, {key: value for key, value in written.items() if key == DOWNTIME}, root)
    rest = {key: value for key, value in written.items() if key != DOWNTIME}
    return WrittenTarget(validated(kind, rest, root), windows.downtime)
