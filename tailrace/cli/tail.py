"""``tailrace tail``: a coloured line per event on a terminal, JSON lines for machines."""

import json
import sys
from datetime import datetime
from typing import Annotated, Any
from zlib import crc32

import stamina.instrumentation
import typer
from rich.text import Text

from runtime.printable import printable
from runtime.settings import Settings
from tailrace.cli.options import DataDir, JsonLines, to_end
from tailrace.endpoints import service_url, settings_for
from tailrace.stream_client import Frame
from tailrace.stream_client import follow as follow_stream
from tailrace.terminal import plain_console

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
TYPE_WIDTH = 20
USER_WIDTH = 8


@to_end
async def tail(
    start: Annotated[
        str, typer.Option("--from", help="latest, earliest, a cursor, a time, or an age such as -5m.")
    ] = "latest",
    until: Annotated[str | None, typer.Option(help="End at a cursor, a time, or an age.", show_default=False)] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only these types, such as checkout.*", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Only this user's events: an integer or a string.", show_default=False)
    ] = None,
    speed: Annotated[str, typer.Option(help="max, or a multiple of the original pace.")] = "max",
    clock: Annotated[str, typer.Option(help="The time that --speed follows: log, or event (created_at).")] = "log",
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Continue with new events.")] = True,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """Show events as they are logged, or again from an earlier time. Ctrl-C stops it."""
    given = {"from": start, "until": until, "event_type": event_type, "user_id": user, "speed": speed, "clock": clock}
    asked = {name: value for name, value in given.items() if value is not None}
    await _tail(settings_for(data_dir), asked, stop_at_end=not follow, as_json=as_json)


async def _tail(settings: Settings, asked: dict[str, Any], *, stop_at_end: bool, as_json: bool) -> None:
    """Prints events and gaps on standard output, and everything about the connection on standard error."""
    stamina.instrumentation.set_on_retry_hooks([])  # printed here
    notes = plain_console(stderr=True, style="dim")
    show = _print_json if as_json else _Lines().print
    cursor: str | None = None

    def lost(reason: str) -> None:
        notes.print(f"reconnecting: {printable(reason)}")

    try:
        async for frame in follow_stream(service_url(settings, "query"), asked, lost, key=settings.read_key):
            show(frame)
            cursor = frame["resumed_at"] if frame["kind"] == "gap" else frame["cursor"]
            if stop_at_end and frame["kind"] == "caught_up":
                return
    except BrokenPipeError:  # the reader of our lines has ended
        sys.stderr.close()
    finally:
        if cursor is not None and not as_json and not stop_at_end and not sys.stderr.closed:
            notes.print(f"resume with --from {cursor}")


def _print_json(frame: Frame) -> None:
    found = frame["events"] if frame["kind"] == "events" else [frame] if frame["kind"] == "gap" else []
    for one in found:
        sys.stdout.write(_compact_json(one) + "\n")
    sys.stdout.flush()


class _Lines:
    """One line per event; a terminal cuts it at its right edge."""

    def __init__(self) -> None:
        self._console = plain_console()

    def print(self, frame: Frame) -> None:
        if frame["kind"] == "gap":
            self._console.print(Text(f"gap: {printable(frame['reason'])}", style="bold yellow"))
        for event in frame.get("events", ()):
            if self._console.is_terminal:
                self._console.print(_line(event), no_wrap=True, overflow="ellipsis")
            else:
                self._console.print(_line(event), soft_wrap=True)


def _line(event: dict[str, Any]) -> Text:
    at = datetime.fromisoformat(event["created_at"]).astimezone()
    event_type = event["event_type"]
    return Text.assemble(
        (f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03} ", "dim"),
        (f"{printable(event_type):<{TYPE_WIDTH}} ", COLOURS[crc32(event_type.encode()) % len(COLOURS)]),
        (f"{'-' if event['user_id'] is None else event['user_id']:>{USER_WIDTH}}  ", "bold"),
        _compact_json(event["event_data"]),
    )


def _compact_json(value: object) -> str:
    return printable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
