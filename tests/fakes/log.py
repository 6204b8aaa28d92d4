"""A log that keeps what was said."""


class ListLog:
    """Messages in order, with their level."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def info(self, msg: object) -> None:
        self.lines.append(("info", str(msg)))

    def warning(self, msg: object) -> None:
        self.lines.append(("warning", str(msg)))

    def error(self, msg: object) -> None:
        self.lines.append(("error", str(msg)))

    @property
    def warnings(self) -> list[str]:
        """Only what was worth looking at."""
        return [text for level, text in self.lines if level == "warning"]
