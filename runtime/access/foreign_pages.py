"""Which requests of web pages a service answers: checks ``Host``, ``Origin`` and ``Sec-Fetch-Site``.

A page of another site can send requests to a service on the visitor's own machine or network, and DNS rebinding lets it
read the answers. Requests without these headers (curl, servers) pass.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from contracts.errors import ConfigurationError
from runtime.access.refusals import Refusal
from runtime.settings import Settings

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN = 100
_NAVIGATION = ("GET", "HEAD")


class Authority(NamedTuple):
    """A host in lower case and a port; None is the scheme's default port."""

    host: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine as its own users name it."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        return _is_ip(self.host) and ip_address(self.host).is_loopback


class PagePolicy:
    """What the settings allow."""

    def __init__(
        self,
        *,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        sister_ports: Iterable[int] = (),
    ) -> None:
        """Takes host names, origins (``https://shop.example``), and the ports of the other services on this host.

        Raises:
            ConfigurationError: an origin or a host is malformed.
        """
        self._hosts = frozenset(_host_name(host) for host in hosts)
        self.origins = frozenset(parse_origin(origin) for origin in origins)
        self._sister_ports = frozenset(sister_ports)

    @classmethod
    def from_settings(cls, settings: Settings) -> "PagePolicy":
        """Allows the listed hosts and origins, and the addresses under which the services know each other.

        Raises:
            ConfigurationError: a listed origin or host is malformed.
        """
        urls = [urlsplit(url) for url in (settings.command_url, settings.query_url, settings.projection_url) if url]
        own = [] if _is_ip(settings.host) else [settings.host]
        return cls(
            hosts=[*_listed(settings.allowed_hosts), *own, *(url.hostname for url in urls if url.hostname)],
            origins=[*_listed(settings.allowed_origins), *(f"{url.scheme}://{url.netloc}" for url in urls)],
            sister_ports=[settings.command_port, settings.query_port],
        )

    def refusal(
        self, method: str, headers: Headers, key_origins: frozenset[str] = frozenset(), *, embedded: bool = False
    ) -> Refusal | None:
        """Returns why a request is refused; None if it is allowed. ``key_origins`` are allowed too.

        ``embedded``: pages of any site may show the answer, in a frame or as an image, which they can't read.
        """
        hosts = headers.getlist("host")
        authority = _authority(hosts[0]) if len(hosts) == 1 else None
        if hosts and (authority is None or not self._knows(authority)):
            shown = ", ".join(hosts)[:_SHOWN]
            return Refusal(421, "Unknown host", f"the host {shown!r} is not in TAILRACE_ALLOWED_HOSTS")
        origins = headers.getlist("origin")
        if origins:
            if len(origins) == 1 and (origins[0] in key_origins or self._allows(origins[0], authority)):
                return None
            shown = ", ".join(origins)[:_SHOWN]
            return Refusal(403, "Foreign origin", f"the origin {shown!r} is not in TAILRACE_ALLOWED_ORIGINS")
        if headers.get("sec-fetch-site") == "cross-site":
            if (embedded or headers.get("sec-fetch-mode") == "navigate") and method in _NAVIGATION:
                return None
            return Refusal(403, "Foreign origin", "a page of another site sent this request")
        return None

    def _knows(self, authority: Authority) -> bool:
        return authority.is_loopback or _is_ip(authority.host) or authority.host in self._hosts

    def _allows(self, origin: str, authority: Authority | None) -> bool:
        """Whether an origin is the service itself, one of its sisters, or listed."""
        if origin in self.origins:
            return True
        try:
            parts = urlsplit(origin)
            found = Authority((parts.hostname or "").lower(), _port(parts.port))
        except ValueError:
            return False
        if parts.scheme not in _DEFAULT_PORTS or not found.host or authority is None:
            return False
        if found == authority:
            return True
        same_host = found.host == authority.host or (found.is_loopback and authority.is_loopback)
        return same_host and found.port in self._sister_ports


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _port(port: int | None) -> int | None:
    # a TLS proxy passes the authority on, but not the scheme: both default ports count as none
    return None if port in _DEFAULT_PORTS.values() else port


def _authority(text: str) -> Authority | None:
    """Reads a ``Host`` header; None if it is malformed."""
    try:
        parts = urlsplit(f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    return Authority(host.rstrip("."), _port(port))


def _host_name(text: str) -> str:
    found = _authority(text)
    if found is None:
        raise ConfigurationError(f"TAILRACE_ALLOWED_HOSTS: {text[:_SHOWN]!r} is not a host name")
    return found.host


def parse_origin(text: str) -> str:
    """Returns the origin of an address as browsers send it.

    Raises:
        ConfigurationError: the text is not an origin.
    """
    parts: Any = urlsplit(text.strip().rstrip("/"))
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in ("http", "https") or not host or parts.path or parts.query:
        raise ConfigurationError(f"{text[:_SHOWN]!r} is not an origin such as https://shop.example")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")
