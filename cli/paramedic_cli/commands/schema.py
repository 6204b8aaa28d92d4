"""`paramedic schema`: what may stand in a service's YAML, for editors, and in an event, for whoever listens."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from paramedic.services.spec_schema import service_schema

SERVICE = "service"


def schema(of: Annotated[str, typer.Argument(help="service, or an event such as 'Target Down'")] = SERVICE) -> None:
    """Print the JSON Schema of the service YAML, by which editors complete and check, or of an event's detail."""
    typer.echo(json.dumps(service_schema() if of == SERVICE else _event_schema(of), indent=2))


def _event_schema(name: str) -> Mapping[str, Any]:
    from paramedic.health.event_details import event_schemas

    schemas = {detail_type.value: found for detail_type, found in event_schemas().items()}
    if name not in schemas:
        raise typer.BadParameter(f"must be {SERVICE} or one of {', '.join(schemas)}")
    return schemas[name]
