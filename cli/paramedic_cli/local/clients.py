"""AWS clients for an endpoint and keys given as variables, whatever this process's own environment says."""

from collections.abc import Mapping
from typing import Any

import boto3

REGION = "us-east-1"


def client_environment(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    """The variables that point any AWS SDK at this endpoint with these keys."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(service: str, environment: Mapping[str, str]) -> Any:
    """A boto3 client that obeys these variables."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
