"""`paramedic schema`: what may stand in a service's YAML, for editors."""

import json

import typer

from paramedic.services.spec_schema import service_schema


def schema() -> None:
    """Print the JSON Schema of the service YAML; editors complete and check by it."""
    typer.echo(json.dumps(service_schema(), indent=2))
