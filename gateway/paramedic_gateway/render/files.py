"""The rendered folder: all of a change is written before any of it is put in place."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paramedic.errors import ParamedicError
from paramedic.launchers.process.files import write_whole

_IN_ORDER = ("eds/", "sds/", "cds.json", "rds/", "lds.json")
"""What is referred to comes before what refers to it."""


class RenderFailedError(ParamedicError):
    """The configuration cannot be written; Envoy keeps the one it has."""


class RenderedFiles:
    """The files Envoy follows, each replaced whole by a rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts: dict[str, str] | None = None

    def texts(self) -> Mapping[str, str]:
        """What is in place, by path.

        Raises:
            RenderFailedError: the folder cannot be read.
        """
        return dict(self._in_place())

    def changed(self, files: Mapping[str, str]) -> list[str]:
        """Those of `files` that are not in place yet, in the order in which they may be put there.

        Raises:
            RenderFailedError: the folder cannot be read.
        """
        texts = self._in_place()
        return sorted((name for name, text in files.items() if texts.get(name) != text), key=_rank)

    def stage(self, files: Mapping[str, str], names: Sequence[str]) -> None:
        """Write `names` beside the files in place.

        Raises:
            RenderFailedError: the disk does not take them; nothing has changed.
        """
        written: list[Path] = []
        try:
            for name in names:
                path = self._staged(name)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_whole(path, files[name].encode())
                written.append(path)
        except OSError as error:
            for path in written:
                path.unlink(missing_ok=True)
            raise RenderFailedError(
                f"cannot write {error.filename or self._folder}: {error.strerror}; Envoy keeps its configuration, and "
                "this is tried again: make room on the disk"
            ) from error

    def put_in_place(self, files: Mapping[str, str], name: str) -> None:
        """Rename the staged `name` over the one in place; Envoy sees it at once.

        Raises:
            RenderFailedError: it cannot be renamed.
        """
        try:
            self._staged(name).rename(self._folder / name)
        except OSError as error:
            raise RenderFailedError(f"cannot put {self._folder / name} in place: {error.strerror}") from error
        self._in_place()[name] = files[name]

    def touch(self, name: str) -> None:
        """Have Envoy read a file in place once more.

        Raises:
            RenderFailedError: the disk does not take it.
        """
        files = {name: self._in_place()[name]}
        self.stage(files, [name])
        self.put_in_place(files, name)

    def remove_all_but(self, names: Mapping[str, str]) -> None:
        """Remove what nothing refers to any more.

        Raises:
            RenderFailedError: a file cannot be removed.
        """
        texts = self._in_place()
        for name in [name for name in texts if name not in names]:
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise RenderFailedError(f"cannot remove {self._folder / name}: {error.strerror}") from error
            del texts[name]

    def _staged(self, name: str) -> Path:
        # Beside the rendered folder's files but in no folder that Envoy watches: it need not wake for these.
        return self._folder / "staged" / name.replace("/", "+")

    def _in_place(self) -> dict[str, str]:
        if self._texts is None:
            try:
                self._texts = _read_texts(self._folder)
            except OSError as error:
                raise RenderFailedError(f"cannot read {self._folder}: {error.strerror}") from error
        return self._texts


def _read_texts(folder: Path) -> dict[str, str]:
    for name in ("", "eds", "rds", "sds"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = (path for name in ("", "eds", "rds", "sds") for path in (folder / name).glob("*.json"))
    # What a host's end left of a file may be no text; it differs then from what is to be there, and is replaced.
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8", errors="replace") for path in paths}


def _rank(name: str) -> int:
    return next(rank for rank, start in enumerate(_IN_ORDER) if name.startswith(start))
