"""Parses W3C extended logs, which name their fields in the file: IIS and CloudFront. Their times are UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote

from contracts.errors import EventRejectedError
from tailrace.importer.logs.combined import text_of
from tailrace.importer.logs.requests import Request, without_port

_CODE = "not_w3c"


class W3cParser:
    """The parser of one file: ``#Fields`` lines say what follows them."""

    def __init__(self) -> None:
        self._fields: list[str] = []

    def __call__(self, line: bytes) -> Request | None:
        """Returns the request of a line, None for a directive.

        Raises:
            EventRejectedError: with a code and a reason.
        """
        text = line.decode(errors="backslashreplace")
        if text.startswith("#"):
            name, _, value = text[1:].partition(":")
            if name.lower() == "fields":
                self._fields = value.split()
            elif not name.isalpha() and not name.startswith("Start-"):
                raise EventRejectedError(_CODE, "the line is not a directive such as #Fields:")
            return None
        if not self._fields:
            raise EventRejectedError(_CODE, "there is no #Fields line before")
        tabs = "\t" in text
        values = text.split("\t") if tabs else text.split()
        if len(values) != len(self._fields):
            raise EventRejectedError(
                _CODE, f"the line has {len(values)} fields, and the #Fields line has {len(self._fields)}"
            )
        found = dict(zip(self._fields, values, strict=True))
        # spaces in values: IIS writes +, CloudFront %20 (older files %2520)
        return _request(found, lambda text: unquote(unquote(text)) if tabs else text.replace("+", " "))


def _request(found: dict[str, str], decode: Callable[[str], str]) -> Request:
    def text(*names: str) -> str | None:
        return next((value for value in (text_of(found.get(name)) for name in names) if value is not None), None)

    def number(name: str) -> int | None:
        value = text(name)
        return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else None

    client = text("c-ip", "X-Forwarded-For")
    if client is None:
        raise EventRejectedError(_CODE, "the line has no client address (c-ip)")
    path, query = text("cs-uri-stem", "cs-uri"), text("cs-uri-query")
    agent, referrer = text("cs(User-Agent)"), text("cs(Referer)")
    return Request(
        without_port(client),
        _time(found),
        text("cs-method"),
        f"{path}?{query}" if path and query else path,
        text("cs-protocol-version", "cs-version"),
        number("sc-status"),
        number("sc-bytes") or 0,
        decode(referrer) if referrer else None,
        decode(agent) if agent else None,
        text("x-host-header", "cs-host", "cs(Host)"),
    )


def _time(found: dict[str, str]) -> datetime:
    try:
        return datetime.fromisoformat(f"{found['date']}T{found['time']}").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise EventRejectedError(_CODE, "the line has no valid date and time") from None
