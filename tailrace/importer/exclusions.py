"""Requests that ``tailrace import --exclude`` leaves out."""

import re
from fnmatch import translate
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from contracts.errors import ConfigurationError
from tailrace.importer.logs.requests import Request, plain_address


class Exclusions:
    """Patterns by address (``address=10.0.0.0/8``), agent (``agent=*bot*``) and path (``path=/health*``).

    Agents and paths are compared without case; ``*`` and ``?`` are wildcards.

    Raises:
        ConfigurationError: a pattern is none of these.
    """

    def __init__(self, *patterns: str) -> None:
        self.count = 0
        """The number of requests that were left out."""
        self._networks: list[IPv4Network | IPv6Network] = []
        texts: dict[str, list[str]] = {"agent": [], "path": []}
        for pattern in patterns:
            field, _, value = pattern.partition("=")
            if field in texts and value:
                texts[field].append(translate(value.lower()))
            elif field == "address" and value:
                self._networks.append(_network(value))
            else:
                raise ConfigurationError(
                    f"--exclude {pattern!r}: expected address=10.0.0.0/8, agent=*bot* or path=/health*"
                )
        self._agents, self._paths = (re.compile("|".join(texts[field])) if texts[field] else None for field in texts)

    def __bool__(self) -> bool:
        return bool(self._networks or self._agents or self._paths)

    def leave_out(self, request: Request) -> bool:
        """Returns whether the request is left out, and counts it."""
        left_out = bool(
            (self._agents and self._agents.match((request.agent or "").lower()))
            or (self._paths and self._paths.match((request.path or "").lower()))
            or (self._networks and self._is_in_network(request.address))
        )
        self.count += left_out
        return left_out

    def _is_in_network(self, text: str) -> bool:
        try:
            address = ip_address(plain_address(text))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"--exclude address={text}: expected an address or a network such as 10.0.0.0/8"
        ) from None
