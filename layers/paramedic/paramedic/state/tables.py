"""The tables: what their models share, which there are, and how they are bound to those of one stack."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import cast

from paramedic.state.connection import look_around
from paramedic.state.errors import InvalidRowError, StateUnreachableError
from paramedic.state.json_attributes import JsonAttribute, OptionalJsonAttribute
from paramedic.state.rows import Row, TableMeta

# All know them by this module; what each is stands in one of its own.
__all__ = (
    "InvalidRowError",
    "JsonAttribute",
    "OptionalJsonAttribute",
    "Row",
    "StateUnreachableError",
    "TableMeta",
    "all_models",
    "bind",
)


_MODULES = (
    "autoscalers",
    "controllers",
    "drills",
    "dstack_gateways",
    "gateways",
    "incidents",
    "load_balancers",
    "operations",
    "recoveries",
    "replicas",
    "reports",
    "services",
    "target_downtimes",
    "targets",
    "traffic",
    "wanted_gateways",
)
"""The modules beside this one that have a table's models; they import this one."""


class _Bound:
    """What `bind` was told last."""

    prefix = ""


def table_prefix() -> str:
    """What the names of the bound tables begin with: no other stack of the account and region has it."""
    return _Bound.prefix


def all_models() -> Mapping[str, tuple[type[Row], ...]]:
    """Every model by the logical name of its table."""
    return _models_of([import_module(f"paramedic.state.{name}") for name in _MODULES])


def _models_of(modules: Sequence[ModuleType]) -> Mapping[str, tuple[type[Row], ...]]:
    models: dict[str, tuple[type[Row], ...]] = {}
    for module in modules:
        models[module.TABLE] = models.get(module.TABLE, ()) + cast(tuple[type[Row], ...], module.MODELS)
    return models


def bind(table_prefix: str, *modules: ModuleType) -> None:
    """Point models at the tables named `<table_prefix><logical name>`, where the environment now says AWS is.

    All models, or only those of the table modules given: whoever needs few of them is spared importing the others. Call
    it before any read.
    """
    look_around()
    _Bound.prefix = table_prefix
    wanted = _models_of(modules) or all_models()
    for table, models in wanted.items():
        for model in models:
            model.Meta.table_name = f"{table_prefix}{table}"
