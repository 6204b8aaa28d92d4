"""Where text for people goes: results to stdout, everything about how it went to stderr."""

from rich.console import Console

NARROWEST = 80


def result_console() -> Console:
    """The console for results; files and pipes get the width that tables are made for."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(NARROWEST, console.width))


def answer(sentence: str) -> None:
    """A result that is one line, taken literally and left whole."""
    result_console().print(sentence, markup=False, soft_wrap=True)


def say(message: str) -> None:
    """One line on stderr, taken literally."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)
