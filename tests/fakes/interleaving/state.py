"""The whole world as a value, and what one call makes of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from paramedic.launchers.interface import LauncherError
from tests.fakes.interleaving.host import CALLS, Host
from tests.fakes.interleaving.scripts import DYNAMODB, Answer, Call, Script
from tests.fakes.memory_dynamodb import Item, MemoryDynamoDB

PREFIX = "memory-"

type Tables = Mapping[str, Mapping[tuple[str, ...], Item]]


@dataclass(frozen=True, eq=False)
class State:
    """`rows` are the numbers of all rows' contents, so that two states with equal rows are cheaply seen to be so."""

    tables: Tables
    rows: frozenset[int]
    host: Host
    seconds: int
    scripts: Mapping[str, Script]

    @property
    def key(self) -> object:
        """Equal for states that nothing can tell apart."""
        acting = frozenset(each.number for each in self.scripts.values() if each.call is not None)
        return self.rows, self.host, self.seconds, acting

    @property
    def outside(self) -> object:
        """The same without the actors."""
        return self.rows, self.host, self.seconds

    def row(self, table: str, *key: str) -> Item:
        """A row as it is stored; empty when there is none."""
        return self.tables.get(f"{PREFIX}{table}", {}).get(key, {})

    def number(self, table: str, key: tuple[str, ...], name: str) -> int:
        """A number in a row; 0 when it is not there."""
        return int(self.row(table, *key).get(name, {"N": "0"})["N"])

    def with_script(self, script: Script) -> "State":
        return replace(self, scripts={**self.scripts, script.name: script})


class Library:
    """Numbers for everything that is compared often."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._rows: dict[tuple[str, str], Item] = {}
        self._number_of_row: dict[int, int] = {}

    def number(self, content: object) -> int:
        return self._numbers.setdefault(content, len(self._numbers))

    def rows(self, tables: Tables) -> tuple[Tables, frozenset[int]]:
        """The tables with each row's content there once, and the numbers of all rows."""
        kept = {table: {key: self._kept(table, row) for key, row in rows.items()} for table, rows in tables.items()}
        return kept, frozenset(self._number_of_row[id(row)] for rows in kept.values() for row in rows.values())

    def _kept(self, table: str, row: Item) -> Item:
        if id(row) in self._number_of_row:
            return row
        kept = self._rows.setdefault((table, json.dumps(row, sort_keys=True)), row)
        self._number_of_row.setdefault(id(kept), len(self._number_of_row))
        return kept


class World:
    """Answers calls."""

    def __init__(self) -> None:
        self._library = Library()

    def empty(self, host: Host) -> State:
        return State({}, frozenset(), host, 0, {})

    def answered(self, state: State, call: Call) -> tuple[State, Answer]:
        """The world after the call, and its answer."""
        if call.service == DYNAMODB:
            return self._stored(state, call)
        try:
            host, value = CALLS[call.name](state.host, call.arguments)
        except LauncherError as error:
            return state, self._answer(None, error)
        return replace(state, host=host), self._answer(value)

    def _stored(self, state: State, call: Call) -> tuple[State, Answer]:
        database = MemoryDynamoDB()
        database._tables = {table: dict(rows) for table, rows in state.tables.items()}
        try:
            value = database._make_api_call(call.name, dict(call.arguments))
        except ClientError as error:
            return state, self._answer(None, error)
        tables, rows = self._library.rows(database._tables)
        return replace(state, tables=tables, rows=rows), self._answer(value)

    def _answer(self, value: Any, error: Exception | None = None) -> Answer:
        told = json.dumps(value, sort_keys=True, default=repr) if error is None else f"{type(error)} {_why(error)}"
        return Answer(self._library.number(told), value, error)


def _why(error: Exception) -> str:
    return json.dumps(error.response, default=repr) if isinstance(error, ClientError) else str(error)
