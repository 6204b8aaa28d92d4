"""DynamoDB in a dict, for tests of one thread that make thousands of calls: what PynamoDB sends is what is stored.

It understands the expressions that PynamoDB writes, which put every AND, OR and NOT in parentheses of its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.connection import Connection

from paramedic.state import connection, tables

type Value = Mapping[str, Any]
type Item = dict[str, Any]
type Arguments = Mapping[str, Any]
type Operand = Callable[[Item, Arguments], Value | None]
type Test = Callable[[Item, Arguments], bool]

_TOKEN = re.compile(r"[#:]\w+(?:\.#\w+)*|<=|>=|<>|[()=<>,]|\w+")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_CONDITION_FAILED = "ConditionalCheckFailed"


class MemoryDynamoDB:
    """One account's tables, in the place of botocore's client."""

    _request_signer = None

    def __init__(self) -> None:
        self._tables: dict[str, dict[tuple[str, ...], Item]] = {}

    @contextmanager
    def bound(self, prefix: str = "memory-") -> Iterator[None]:
        """Every model reads and writes here while inside."""

        @cache
        def own(_: object) -> Connection:
            made = Connection()
            # PynamoDB takes no client of one's own.
            made._client = self  # type: ignore[assignment]
            return made

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(connection, "_connection", own)
            tables.bind(prefix)
            yield

    def _make_api_call(self, operation: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        match operation:
            case "GetItem":
                item = self._rows(arguments).get(self._key("Get", arguments))
                return {} if item is None else {"Item": dict(item)}
            case "BatchGetItem":
                return self._get_many(arguments["RequestItems"])
            case "Query":
                found = self._query(arguments)
                return {"Items": found, "Count": len(found), "ScannedCount": len(found)}
            case "TransactWriteItems":
                return self._transact(arguments["TransactItems"])
            case "UpdateItem" | "PutItem" | "DeleteItem":
                return self._write(operation, operation.removesuffix("Item"), arguments)
        raise NotImplementedError(operation)

    def _get_many(self, requests: Mapping[str, Any]) -> Mapping[str, Any]:
        ((table, request),) = requests.items()
        rows = self._tables.setdefault(table, {})
        found = [dict(rows[key]) for each in request["Keys"] if (key := _key_of(table, each)) in rows]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def _query(self, arguments: Arguments) -> list[Item]:
        wanted = _condition(arguments["KeyConditionExpression"])
        rows = sorted(self._rows(arguments).items())
        return [_projected(item, arguments) for _, item in rows if wanted(item, arguments)]

    def _transact(self, items: list[dict[str, dict[str, Any]]]) -> Mapping[str, Any]:
        writes = [write for item in items for write in item.items()]
        touched = [(write["TableName"], self._key(kind, write)) for kind, write in writes]
        assert len(writes) <= 100
        assert len(set(touched)) == len(touched), f"a row is in one transaction twice: {touched}"
        holds = [self._holds(kind, write) for kind, write in writes]
        if not all(holds):
            reasons = [{"Code": "None" if each else _CONDITION_FAILED} for each in holds]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")
        for kind, write in writes:
            self._apply(kind, write)
        return {}

    def _write(self, operation: str, kind: str, arguments: Arguments) -> Mapping[str, Any]:
        if not self._holds(kind, arguments):
            raise ClientError({"Error": {"Code": f"{_CONDITION_FAILED}Exception"}}, operation)
        return {"Attributes": self._apply(kind, arguments)}

    def _holds(self, kind: str, write: Arguments) -> bool:
        condition = write.get("ConditionExpression")
        item = self._rows(write).get(self._key(kind, write), {})
        return condition is None or _condition(condition)(item, write)

    def _apply(self, kind: str, write: Arguments) -> Item:
        rows, key = self._rows(write), self._key(kind, write)
        match kind:
            case "Put":
                rows[key] = write["Item"]
            case "Update":
                rows[key] = _updated(rows.get(key) or write["Key"], write)
            case "Delete":
                rows.pop(key, None)
        return rows.get(key, {})

    def _rows(self, arguments: Arguments) -> dict[tuple[str, ...], Item]:
        return self._tables.setdefault(arguments["TableName"], {})

    def _key(self, kind: str, write: Arguments) -> tuple[str, ...]:
        return _key_of(write["TableName"], write["Item" if kind == "Put" else "Key"])


def _projected(item: Item, arguments: Arguments) -> Item:
    """What was asked for of the item: names of its attributes, or all."""
    names = arguments.get("ProjectionExpression")
    wanted = item if names is None else [arguments["ExpressionAttributeNames"][each] for each in names.split(", ")]
    return {name: item[name] for name in wanted if name in item}


def _key_of(table: str, item: Item) -> tuple[str, ...]:
    return tuple(_sortable(item[name]) for name in _key_names(table))


@cache
def _key_names(table: str) -> tuple[str, ...]:
    model = next(m for group in tables.all_models().values() for m in group if m.Meta.table_name == table)
    attributes = model.get_attributes().values()
    keys = sorted((each for each in attributes if each.is_hash_key or each.is_range_key), key=lambda a: a.is_range_key)
    return tuple(each.attr_name for each in keys)


def _sortable(value: Value) -> str:
    """Text that sorts as the value does."""
    return f"{int(value['N']):020d}" if "N" in value else str(value["S"])


def _plain(value: Value) -> Any:
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content


def _read(item: Item, name: str, names: Mapping[str, str]) -> Value | None:
    *above, last = [names[part] for part in name.split(".")]
    for part in above:
        item = item[part]["M"]
    return item.get(last)


@cache
def _condition(text: str) -> Test:
    tokens = _TOKEN.findall(text)
    test = _parse(tokens)
    assert not tokens, f"not understood: {text}"
    return test


def _parse(tokens: list[str]) -> Test:
    first = tokens.pop(0)
    if first == "(":
        return _parse_group(tokens)
    if tokens[0] == "(":
        return _parse_function(first, _parse_list(tokens))
    left, operator = _operand(first), tokens.pop(0)
    if operator == "IN":
        choices = _parse_list(tokens)
        return lambda item, with_: left(item, with_) in [each(item, with_) for each in choices]
    right, compare = _operand(tokens.pop(0)), _COMPARISONS[operator]

    def test(item: Item, with_: Arguments) -> bool:
        values = left(item, with_), right(item, with_)
        return None not in values and compare(*(_plain(each) for each in values if each is not None))

    return test


def _parse_group(tokens: list[str]) -> Test:
    if tokens[0] == "NOT":
        tokens.pop(0)
        inner = _parse(tokens)
        tokens.pop(0)
        return lambda item, with_: not inner(item, with_)
    left, word = _parse(tokens), tokens.pop(0)
    right, _ = _parse(tokens), tokens.pop(0)
    if word == "AND":
        return lambda item, with_: left(item, with_) and right(item, with_)
    assert word == "OR", word
    return lambda item, with_: left(item, with_) or right(item, with_)


def _parse_list(tokens: list[str]) -> list[Operand]:
    end = tokens.index(")")
    operands = [_operand(each) for each in tokens[1:end] if each != ","]
    del tokens[: end + 1]
    return operands


def _parse_function(name: str, operands: list[Operand]) -> Test:
    first = operands[0]
    match name:
        case "attribute_exists":
            return lambda item, with_: first(item, with_) is not None
        case "attribute_not_exists":
            return lambda item, with_: first(item, with_) is None
        case "begins_with":
            return lambda item, with_: str(_plain(first(item, with_) or {"S": ""})).startswith(
                _plain(operands[1](item, with_) or {})
            )
    raise NotImplementedError(name)


def _operand(token: str) -> Operand:
    if token.startswith(":"):
        return lambda _, with_: with_["ExpressionAttributeValues"][token]
    return lambda item, with_: _read(item, token, with_["ExpressionAttributeNames"])


def _updated(before: Item, write: Arguments) -> Item:
    """A new item, which shares with the one before it what did not change."""
    after = dict(before)
    clauses = re.split(r"\b(SET|REMOVE|ADD|DELETE) ", write["UpdateExpression"])[1:]
    for word, text in zip(clauses[::2], clauses[1::2], strict=True):
        for action in re.split(r", (?=#)(?![^(]*\))", text.strip()):
            path, *rest = _TOKEN.findall(action)
            names = [write["ExpressionAttributeNames"][part] for part in path.split(".")]
            _put(after, names, _new_value(word, path, rest, before, write))
    return after


def _put(item: Item, names: list[str], value: Value | None) -> None:
    name, *below = names
    if below:
        inner = dict(item[name]["M"])
        _put(inner, below, value)
        item[name] = {"M": inner}
    elif value is None:
        item.pop(name, None)
    else:
        item[name] = value


def _new_value(word: str, path: str, tokens: list[str], before: Item, write: Arguments) -> Value | None:
    match word, tokens:
        case "REMOVE", []:
            return None
        case "ADD", [added]:
            return _sum(_operand(path)(before, write), _operand(added)(before, write) or {})
        case "DELETE", [removed]:
            return _without(_operand(path)(before, write), _operand(removed)(before, write) or {})
        case "SET", ["=", "if_not_exists", *arguments]:
            existing, otherwise = _parse_list(arguments)
            return existing(before, write) or otherwise(before, write)
        case "SET", ["=", value]:
            return _operand(value)(before, write)
    raise NotImplementedError(f"{word} {path} {tokens}")


def _without(before: Value | None, removed: Value) -> Value | None:
    left = sorted({*(before or {"SS": []})["SS"]} - {*removed["SS"]})
    return {"SS": left} if left else None


def _sum(before: Value | None, added: Value) -> Value:
    if "SS" in added:
        return {"SS": sorted({*(before or {"SS": []})["SS"], *added["SS"]})}
    return {"N": str(_plain(before or {"N": "0"}) + _plain(added))}
