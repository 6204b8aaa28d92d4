"""What the prober may and may not connect to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.health.addresses import AddressGuard, ForbiddenAddressError

EVERYTHING = ("0.0.0.0/0", "::/0")

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
]
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "240.0.0.1",
    "::1",
    "fd12::1",
]
DISGUISED_PRIVATE = ["::ffff:10.1.2.3", "::ffff:127.0.0.1", "2002:0a01:0203::1", "64:ff9b::10.1.2.3", "::10.1.2.3"]
PUBLIC = ["8.8.8.8", "168.63.129.17", "::ffff:8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", NEVER)
def test_metadata_link_local_and_group_addresses_are_refused_even_when_allowed(address: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="never probed"):
        AddressGuard(EVERYTHING).require(address)


@pytest.mark.parametrize("address", PRIVATE + DISGUISED_PRIVATE)
def test_private_addresses_are_refused_unless_allowed(address: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="ALLOWED_CIDRS"):
        AddressGuard().require(address)
    AddressGuard(EVERYTHING).require(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_need_no_allowance(address: str) -> None:
    AddressGuard().require(address)


def test_only_the_allowed_network_is_opened() -> None:
    guard = AddressGuard(["10.0.12.0/24"])
    guard.require("10.0.12.7")
    guard.require("::ffff:10.0.12.7")
    with pytest.raises(ForbiddenAddressError):
        guard.require("10.0.13.7")


@pytest.mark.parametrize("cidr", ["", "10.0.0.1/8", "10.0.0.0/33", "private", "10.0.0.0-10.0.0.9"])
def test_a_malformed_network_is_named(cidr: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        AddressGuard(["10.0.0.0/8", cidr])
    assert (refusal.value.field, refusal.value.value) == ("ALLOWED_CIDRS", cidr)


@given(st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_no_spelling_of_a_link_local_address_passes(address: object) -> None:
    guard = AddressGuard(EVERYTHING)
    for spelling in (f"{address}", f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        with pytest.raises(ForbiddenAddressError):
            guard.require(spelling)
