"""Where a deployed stack can probe targets from."""

from collections.abc import Sequence

import boto3

from paramedic.errors import InvalidInputError
from paramedic.health.probe_locations import no_prober_in
from paramedic.health.target_files import WantedTarget
from paramedic.health.url_targets import UrlTarget
from paramedic.state.probe_location import ProbeLocation
from paramedic_cli.stack import Stack


def require_probers(targets: Sequence[WantedTarget], stack: Stack) -> None:
    """Return if `stack` has a prober in the location of each of `targets`; AWS is asked only about the VPC.

    Raises:
        InvalidInputError: it has none for one of them; names the target.
        ClientError: its prober may not be invoked.
    """
    urls = (each for each in targets if isinstance(each, UrlTarget))
    first = next((each for each in urls if each.probe_from is not ProbeLocation.PUBLIC), None)
    if first is not None and not _has_vpc_prober(stack):
        field = f"{first.target_id}.probe_from"
        raise InvalidInputError(field, str(first.probe_from), no_prober_in(first.probe_from))


def _has_vpc_prober(stack: Stack) -> bool:
    # A session of its own, for the shared one keeps the credentials it began with.
    client = boto3.Session().client("lambda")
    try:
        client.invoke(FunctionName=stack.probe_function(ProbeLocation.VPC), InvocationType="DryRun")
    except client.exceptions.ResourceNotFoundException:
        return False
    return True
