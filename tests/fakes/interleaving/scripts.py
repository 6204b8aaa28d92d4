"""Real code, one call at a time.

What code does next follows from the answers it got. So it need not be held still between two calls: it is run again
with the answers so far, up to the first call that has none.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Protocol

from paramedic.errors import ParamedicError
from tests.fakes.memory_dynamodb import MemoryDynamoDB

BEGAN = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
DYNAMODB, HOST = "dynamodb", "host"


@dataclass(frozen=True)
class Call:
    """One call to the outside, of DynamoDB or of the host."""

    service: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call came to; answers that say the same have one `number`."""

    number: int
    value: Any
    error: Exception | None = None


class UnansweredError(BaseException):
    """The code has come to a call that has no answer yet."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.name)
        self.call = call


class Desk(Protocol):
    """Where an actor's calls go."""

    def ask(self, call: Call) -> Any:
        """Its answer."""

    @property
    def seconds(self) -> int:
        """What the world's clock said when the last call was answered."""


LONGEST_WAIT = 60.0


class ActorClock:
    """The world's time of day; on the other clock only an actor's own waiting passes, as if it were held up nowhere.

    Whatever it waits for in small steps is over after one.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waited = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self._desk.seconds)

    def monotonic(self) -> float:
        return self._waited

    def sleep(self, seconds: float) -> None:
        self._waited += max(seconds, LONGEST_WAIT)
        self._desk.ask(Call(HOST, "wait", {}))


@dataclass
class Run:
    """What an actor's code has of the world."""

    name: str
    desk: Desk

    def __post_init__(self) -> None:
        self.clock = ActorClock(self.desk)
        self._numbers = count(1)

    def new_id(self) -> str:
        return f"{self.name}-{next(self._numbers)}"

    def host(self, name: str, **arguments: Any) -> Any:
        return self.desk.ask(Call(HOST, name, arguments))


type Program = Callable[[Run], object]


class AskingDynamoDB(MemoryDynamoDB):
    """Asks whichever desk is in use for every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.desk: Desk | None = None

    def _make_api_call(self, operation: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        assert self.desk is not None, f"nobody runs who could call {operation}"
        answer: Mapping[str, Any] = self.desk.ask(Call(DYNAMODB, operation, arguments))
        return answer

    @contextmanager
    def serving(self, desk: Desk) -> Iterator[None]:
        """Calls go to `desk` meanwhile."""
        before, self.desk = self.desk, desk
        try:
            yield
        finally:
            self.desk = before


class _Replay:
    """A desk that has some answers."""

    def __init__(self, begun: int, answers: list[tuple[Answer, int]]) -> None:
        self._answers = answers
        self._position = 0
        self._seconds = begun
        self.told_time = False

    @property
    def seconds(self) -> int:
        self.told_time = True
        return self._seconds

    def ask(self, call: Call) -> Any:
        if self._position == len(self._answers):
            raise UnansweredError(call)
        answer, self._seconds = self._answers[self._position]
        self.told_time = False
        self._position += 1
        if answer.error is not None:
            raise answer.error.with_traceback(None)
        return answer.value


class Script:
    """An actor that got certain answers: `call` is what it asks next, None once it is through.

    `failure` is the error that ended it. Two that got the same answers are one object.
    """

    _numbers = count(1)

    def __init__(self, name: str, program: Program, dynamodb: AskingDynamoDB, begun: int) -> None:
        self.name = name
        self._program = program
        self._dynamodb = dynamodb
        self._begun = begun
        self._before: tuple[Script, Answer, int] | None = None
        self._after: dict[tuple[int, int | None], Script] = {}
        self._run()

    def after(self, answer: Answer, seconds: int) -> "Script":
        """This actor once its call is answered."""
        known = self._after.get((answer.number, seconds)) or self._after.get((answer.number, None))
        if known is None:
            known = Script.__new__(Script)
            known.name, known._program, known._dynamodb = self.name, self._program, self._dynamodb
            known._begun, known._before, known._after = self._begun, (self, answer, seconds), {}
            told_time = known._run()
            # Whoever did not look at the clock would have done the same at any other time.
            self._after[answer.number, seconds if told_time else None] = known
        return known

    def _run(self) -> bool:
        """Whether it looked at the clock after its last answer."""
        self.number = next(Script._numbers)
        self.call: Call | None = None
        self.failure: ParamedicError | None = None
        desk = _Replay(self._begun, self._answers())
        try:
            with self._dynamodb.serving(desk):
                self._program(Run(self.name, desk))
        except UnansweredError as unanswered:
            self.call = unanswered.call
        except ParamedicError as error:
            self.failure = error
        return desk.told_time

    def _answers(self) -> list[tuple[Answer, int]]:
        answers = []
        script: Script | None = self
        while script is not None and script._before is not None:
            script, answer, seconds = script._before
            answers.append((answer, seconds))
        return answers[::-1]
