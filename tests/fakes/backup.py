"""Tables put back to what they held before, as a restore from a backup does."""

from collections.abc import Sequence
from typing import Any

import boto3

from paramedic.state.tables import all_models

type Backup = dict[str, list[dict[str, Any]]]


def take_backup(tables: Sequence[str] = tuple(all_models())) -> Backup:
    """Every item of these tables, by logical name."""
    return {table: _items(table) for table in tables}


def restore(backup: Backup) -> None:
    """Have the tables hold exactly what they did."""
    client = boto3.client("dynamodb")
    for table, items in backup.items():
        name, keys = _name(table), _key_names(table)
        for item in _items(table):
            client.delete_item(TableName=name, Key={key: item[key] for key in keys})
        for item in items:
            client.put_item(TableName=name, Item=item)


def _items(table: str) -> list[dict[str, Any]]:
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=_name(table), ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def _name(table: str) -> str:
    return all_models()[table][0].Meta.table_name


def _key_names(table: str) -> list[str]:
    attributes = all_models()[table][0].get_attributes().values()
    return [each.attr_name for each in attributes if each.is_hash_key or each.is_range_key]
