"""The template's tables alone, created straight on an endpoint: all that tests of the state layer need."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from paramedic_cli.local.clients import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TABLE_TYPE = "AWS::DynamoDB::Table"
_STACK_PREFIX = "${AWS::StackName}-"
_PASSED_ON = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short intrinsics: `!Ref X` as {"Ref": X}, `!Sub s` as {"Fn::Sub": s}, and so on."""


def _intrinsic(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode):
        argument: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = loader.construct_scalar(cast(yaml.ScalarNode, node))
        if suffix == "GetAtt":
            argument = argument.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


TemplateLoader.add_multi_constructor("!", _intrinsic)


def read_template(path: Path) -> dict[str, Any]:
    """The template as plain data, intrinsics in their long form."""
    return cast(dict[str, Any], yaml.load(path.read_text(), Loader=TemplateLoader))  # noqa: S506


def table_definitions(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """CreateTable arguments by the tables' names without prefix."""
    definitions = {}
    for resource in template["Resources"].values():
        if resource["Type"] == _TABLE_TYPE:
            properties = resource["Properties"]
            name = properties["TableName"]["Fn::Sub"].removeprefix(_STACK_PREFIX)
            definitions[name] = {key: properties[key] for key in _PASSED_ON if key in properties}
    return definitions


@cache
def _definitions(template: Path) -> dict[str, dict[str, Any]]:
    """Read once: that takes longer than to create them."""
    return table_definitions(read_template(template))


def create_tables(template: Path, environment: Mapping[str, str], prefix: str) -> None:
    """Create every table of the template as `<prefix><name>` where `environment` points."""
    create_missing_tables(template, client("dynamodb", environment), prefix)


def create_missing_tables(template: Path, dynamodb: "DynamoDBClient", prefix: str) -> list[str]:
    """Create each table of the template that there is not yet, and return their names, before they can be used."""
    created = []
    for name, definition in _definitions(template).items():
        with suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(TableName=f"{prefix}{name}", **definition)
            created.append(f"{prefix}{name}")
    return created
