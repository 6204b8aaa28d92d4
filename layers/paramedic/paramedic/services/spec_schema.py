"""The JSON Schema of the service YAML: what editors complete and check while users write it."""

from collections.abc import Mapping
from typing import Any

from paramedic.services.spec import ServiceSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def service_schema() -> dict[str, Any]:
    """What `read_spec` accepts, but for what only two fields together tell and what is read from other types.

    Derived from the models, so that the two never differ.
    """
    return {"$schema": DIALECT, **_strict(ServiceSpec.model_json_schema()), "title": "A service of Paramedic"}


def _strict(schema: Any) -> Any:
    """Unknown names refused everywhere, as `parse_spec` does; without the titles that only repeat the names."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {name: _named(value) if name in _BY_NAME else _strict(value) for name, value in schema.items()}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    if kept.get("type") == "object" and ("properties" in kept or "patternProperties" in kept):
        kept["additionalProperties"] = False
    return kept


_BY_NAME = frozenset({"$defs", "properties", "patternProperties"})
"""Below these stand names of the user's, of which one may be called like a word of the schema."""


def _named(schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _strict(schema) for name, schema in schemas.items()}
