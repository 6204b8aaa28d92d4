"""No model is forgotten when tables are bound: what it reads and writes would be in no stack's tables."""

import pkgutil
from importlib import import_module

from paramedic import state
from paramedic.state.tables import all_models


def test_every_module_with_models_is_bound() -> None:
    modules = [import_module(f"{state.__name__}.{found.name}") for found in pkgutil.iter_modules(state.__path__)]
    models = {model for module in modules for model in getattr(module, "MODELS", ())}
    assert models == {model for of_table in all_models().values() for model in of_table}
