"""Servers that behave, misbehave and do not answer, all of them real, and a prober that may reach them."""

import asyncio
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from paramedic.health.addresses import AddressGuard
from paramedic.health.engine import probe_all
from paramedic.health.lookup import Lookup
from paramedic.health.outcomes import ProbeBatch, ProbeOutcome, ProbeRequest

type Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = AddressGuard(["127.0.0.0/8"])


def answering(reply: bytes, *, then_close: bool = True) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        if not then_close:
            await reader.read()

    return behave


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    linger_zero = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
    writer.transport.abort()


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Slow: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each connection meets the next behaviour."""
    waiting = iter(behaviours)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(waiting)(reader, writer)

    return behave


@asynccontextmanager
async def serving(
    behaviour: Behaviour, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.close_clients()


def request(url: str, *, timeout_seconds: float = 5, attempts: int = 1, target_id: str = "t") -> ProbeRequest:
    return ProbeRequest(target_id=target_id, url=url, timeout_seconds=timeout_seconds, attempts=attempts)


async def probe(
    *requests: ProbeRequest,
    guard: AddressGuard = LOOPBACK,
    slots: int = 100,
    budget_seconds: float | None = None,
    largest_lag_seconds: float = 5,
    lookup: Lookup | None = None,
) -> list[ProbeOutcome]:
    report = await probe_all(
        ProbeBatch(targets=requests, retry_delay_seconds=0.01),
        guard=guard,
        rng=random.Random(1),
        slots=slots,
        budget_seconds=budget_seconds,
        largest_lag_seconds=largest_lag_seconds,
        lookup=lookup,
    )
    assert [outcome.target_id for outcome in report.outcomes] == [asked.target_id for asked in requests]
    return list(report.outcomes)


OK = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def make_self_signed(folder: Path, name: str) -> Path:
    """A key with a certificate for `name`, or for the address it is, that is valid for a day, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_subject_of(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _subject_of(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
