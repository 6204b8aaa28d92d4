"""What URLs the prober takes apart, and what it puts into its request."""

import pytest

from paramedic.errors import InvalidInputError
from paramedic.health.probe_url import ProbeUrl, parse_url


@pytest.mark.parametrize(
    ("url", "parts", "authority"),
    [
        ("http://a.example", ProbeUrl("http", "a.example", 80, "/"), "a.example"),
        ("HTTPS://A.example/x?y=1#z", ProbeUrl("https", "a.example", 443, "/x?y=1"), "a.example"),
        ("http://a.example:8080?q", ProbeUrl("http", "a.example", 8080, "/?q"), "a.example:8080"),
        ("https://[2606:4700::1]:80", ProbeUrl("https", "2606:4700::1", 80, "/", is_literal=True), "[2606:4700::1]:80"),
    ],
)
def test_a_url_is_taken_apart(url: str, parts: ProbeUrl, authority: str) -> None:
    assert parse_url(url) == parts
    assert parts.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "//a.example",
        "http://",
        "http:///x",
        "http://.a.example",
        "http://a.example:0",
        "http://a.example:99999",
        "http://[::1",
        "http://a.example/a b",
        "http://a.example/\r\nX: y",
        "http://bücher.example/",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="url: "):
        parse_url(url)


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        parse_url("http://user:hunter2@a.example/")
    assert "hunter2" not in str(refusal.value)
