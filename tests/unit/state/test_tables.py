"""Which models are bound to a stack's tables."""

from pathlib import Path

from paramedic.state import tables


def test_every_module_that_has_models_is_bound_with_all_others() -> None:
    folder = Path(tables.__file__).parent
    having = {path.stem for path in folder.glob("*.py") if "\nMODELS = " in path.read_text()}
    bound = {model.__module__.rpartition(".")[2] for models in tables.all_models().values() for model in models}
    assert having <= bound
