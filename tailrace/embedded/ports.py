"""TCP ports on loopback: taking a free one, and saying who is in the way."""

import socket

import psutil
from ephemeral_port_reserve import reserve

from contracts.errors import ConfigurationError, ConflictError


def free_port() -> int:
    """A port that is free, and for a minute nobody else's choice: the kernel keeps it for who asks for it by number."""
    port: int = reserve()
    return port


def require_free(port: int, what: str, option: str) -> None:
    """Makes sure that nobody listens on ``port``.

    Raises:
        ConflictError: another process listens; the message names it and the option for another port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return
        except PermissionError:
            raise ConfigurationError(f"port {port} for {what} needs more rights: choose one from 1024 on") from None
        except OSError:
            pass
    raise ConflictError(
        f"port {port} for {what} is in use{_by_whom(port)}: "
        f"stop that, or choose another with {option} N (0 takes a free one)"
    )


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp4"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})" if connection.pid else ""
    except psutil.Error:
        pass
    return ""
