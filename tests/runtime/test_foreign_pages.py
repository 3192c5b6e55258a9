"""Which requests of web pages a service answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from contracts.errors import ConfigurationError
from runtime.access.foreign_pages import PagePolicy
from runtime.settings import Settings

SETTINGS = Settings(
    host="0.0.0.0",
    query_port=8080,
    command_port=8081,
    command_url="http://command:8081",
    allowed_origins="https://shop.example, http://intranet:3000/",
    allowed_hosts="stats.example, Other.Example",
)
POLICY = PagePolicy.from_settings(SETTINGS)


def status(method: str = "GET", **headers: str) -> int | None:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    refusal = POLICY.refusal(method, Headers(raw=named))
    return None if refusal is None else refusal.status


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "page.localhost:8080",
        "127.0.0.1:8080",
        "192.0.2.7",
        "[::1]:8080",
        "[2001:db8::1]",
        "stats.example",
        "stats.example.",
        "Stats.Example:443",
        "other.example",
        "command:8081",
    ],
)
def test_ip_literals_loopback_names_and_listed_hosts_are_answered(host: str) -> None:
    assert status(host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "stats.example.evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "evil.example#localhost",
        "localhost:port",
        "[::1",
        "",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    assert status(host=host) == 421


def test_a_request_without_a_host_is_answered_and_one_with_two_is_not() -> None:
    assert POLICY.refusal("GET", Headers(raw=[])) is None
    twice = Headers(raw=[(b"host", b"localhost"), (b"host", b"localhost")])
    refusal = POLICY.refusal("GET", twice)
    assert refusal is not None
    assert refusal.status == 421


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8081", "http://localhost:8080"),
        ("127.0.0.1:8081", "http://localhost:8080"),
        ("192.0.2.7:8081", "http://192.0.2.7:8080"),
        ("stats.example", "https://stats.example"),
        ("stats.example", "http://command:8081"),
        ("stats.example", "https://shop.example"),
        ("stats.example", "http://intranet:3000"),
    ],
)
def test_the_service_itself_its_sisters_and_listed_origins_are_allowed(host: str, origin: str) -> None:
    assert status("POST", host=host, origin=origin, sec_fetch_site="cross-site") is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "null"),
        ("localhost:8080", "http://localhost:3000"),
        ("localhost:8080", "https://evil.example"),
        ("localhost:8080", "https://localhost.evil.example:8080"),
        ("192.0.2.7:8081", "http://192.0.2.8:8080"),
        ("stats.example", "https://shop.example.evil.example"),
        ("stats.example", "http://shop.example"),
        ("stats.example", "https://shop.example:8443"),
        ("stats.example", "https://[broken"),
        ("stats.example", "file://"),
        ("stats.example", ""),
    ],
)
def test_any_other_origin_is_refused(host: str, origin: str) -> None:
    assert status("POST", host=host, origin=origin) == 403


def test_a_cross_site_request_without_an_origin_is_refused_unless_it_navigates() -> None:
    assert status(host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403
    assert status(host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    assert status("POST", host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 403
    assert status(host="localhost", sec_fetch_site="same-origin", sec_fetch_mode="cors") is None
    assert status(host="localhost", sec_fetch_site="none") is None


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_every_header_gets_an_answer(host: bytes, origin: bytes) -> None:
    refusal = POLICY.refusal("POST", Headers(raw=[(b"host", host), (b"origin", origin)]))
    assert refusal is None or len(refusal.detail) < 600


@pytest.mark.parametrize("wrong", ["shop.example", "https://shop.example/path", "ftp://shop.example", "https://", "*"])
def test_a_malformed_allowed_origin_is_a_wrong_setting(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an origin such as"):
        PagePolicy.from_settings(Settings(allowed_origins=wrong))


@pytest.mark.parametrize("wrong", ["https://stats.example", "a b/c", "user@host"])
def test_a_malformed_allowed_host_is_a_wrong_setting(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="TAILRACE_ALLOWED_HOSTS"):
        PagePolicy.from_settings(Settings(allowed_hosts=wrong))
