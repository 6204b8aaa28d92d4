"""Which addresses the prober may connect to: a target's URL is user input, and must not become a way inside."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from paramedic.errors import InvalidInputError, ParamedicError

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

# Refused whatever an operator allows: nothing worth a health check lives here, and credentials do.
NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local: EC2, ECS and EKS credentials, Lambda's runtime
        "168.63.129.16/32",  # Azure's host
        "100.100.100.200/32",  # Alibaba's metadata
        "192.0.0.192/32",  # Oracle's metadata
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "fd00:ec2::/32",  # AWS's services on the link
        "fd20:ce::254/128",  # Google's metadata
        "ff00::/8",
    )
)
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))  # everybody's, and a network's own in /96 each
IPV4_COMPATIBLE = IPv6Network("::/96")
LOOPBACK6 = IPv6Address("::1")


class ForbiddenAddressError(ParamedicError):
    """A target's address is one the prober does not connect to."""


class AddressGuard:
    """Permits public addresses, and of the private ones those an operator allowed."""

    def __init__(self, allowed_cidrs: Iterable[str] = ()) -> None:
        """Allow private networks by CIDR.

        Raises:
            InvalidInputError: one is malformed; the message names ALLOWED_CIDRS.
        """
        self._allowed = tuple(_network(text) for text in allowed_cidrs)
        self._permitted: set[str] = set()

    def require(self, address: str) -> None:
        """Return when `address` may be connected to.

        Raises:
            ForbiddenAddressError: it may not; the message says what would allow it, if anything does.
        """
        if address in self._permitted:
            return
        outer = _unmapped(ip_address(address.partition("%")[0]))
        # An IPv6 address that carries an IPv4 one is routed to it by translators: both have to be permitted.
        for candidate in (outer, *_embedded(outer)):
            if any(candidate in network for network in NEVER):
                raise ForbiddenAddressError(f"address {address} is link-local, metadata or no host's: never probed")
            if not candidate.is_global and not any(candidate in network for network in self._allowed):
                raise ForbiddenAddressError(
                    f"address {address} is not public and in none of ALLOWED_CIDRS; add its network there to probe it"
                )
        self._permitted.add(address)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidInputError("ALLOWED_CIDRS", text, f"not a network in CIDR notation: {error}") from None


def _unmapped(address: Address) -> Address:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    if isinstance(address, IPv4Address) or address == LOOPBACK6:
        return ()
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if any(address in network for network in (*NAT64, IPV4_COMPATIBLE)):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()
