"""Where a stack may have a prober; without the library for DynamoDB, which the prober itself does not load."""

from enum import StrEnum


class ProbeLocation(StrEnum):
    """Outside any VPC, hence with public addresses only; or within the one VPC that the stack's parameters name."""

    PUBLIC = "public"
    VPC = "vpc"
