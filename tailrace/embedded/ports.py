"""Chooses TCP ports on loopback, and names the process that holds one."""

import socket
from dataclasses import asdict, dataclass

import psutil
from ephemeral_port_reserve import reserve

from contracts.errors import ConfigurationError, ConflictError

_LISTENERS = {
    "command": "the command service",
    "query": "the query service",
    "projection": "the projection service",
    "nats": "NATS",
    "postgres": "Postgres",
}


@dataclass(frozen=True)
class Ports:
    """The ports of the services and servers of one run."""

    command: int = 0
    query: int = 0
    projection: int = 0
    nats: int = 0
    postgres: int = 0

    def choose(self) -> "Ports":
        """Returns the same ports with a free one for each 0.

        Raises:
            ConflictError: a port is in use.
        """
        wanted = asdict(self)
        for name, port in wanted.items():
            if port:
                require_free(name, port)
        return Ports(**{name: port or free_port() for name, port in wanted.items()})


def free_port() -> int:
    """Returns a free port. The kernel gives it to no other process for a minute, except on explicit request."""
    port: int = reserve()
    return port


def require_free(name: str, port: int) -> None:
    """Checks that no process listens on the port of a service or server.

    Raises:
        ConflictError: names the process that listens, and the option that chooses another port.
    """
    listener = _LISTENERS[name]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except PermissionError:
            raise ConfigurationError(f"port {port} for {listener} needs root: choose a port from 1024 on") from None
        except OSError:
            pass
    raise ConflictError(
        f"port {port} for {listener} is in use{_by_whom(port)}: "
        f"stop that process, or choose another port with --{name}-port N (0 takes a free one)"
    )


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp4"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else ""
    except psutil.Error:
        pass
    return ""
