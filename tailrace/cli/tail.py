"""Shows the log as it comes: a coloured line for each event on a terminal, JSON lines for machines."""

import json
import sys
from datetime import datetime
from typing import Annotated, Any
from zlib import crc32

import stamina.instrumentation
import typer
from rich.console import Console
from rich.text import Text

from runtime.settings import Settings
from tailrace.cli.options import DataDir, JsonLines, run_to_end
from tailrace.endpoints import service_url, settings_for
from tailrace.stream_client import Frame
from tailrace.stream_client import follow as follow_stream

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
TYPE_WIDTH = 20
USER_WIDTH = 8


def tail(
    start: Annotated[
        str, typer.Option("--from", help="latest, earliest, a cursor, a time, or an age such as -5m.")
    ] = "latest",
    until: Annotated[str | None, typer.Option(help="End at a cursor, a time, or an age.", show_default=False)] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Only these types, such as checkout.*", show_default=False)
    ] = None,
    user: Annotated[int | None, typer.Option(help="Only this user's events.", show_default=False)] = None,
    speed: Annotated[str, typer.Option(help="max, or a multiple of the original pace.")] = "max",
    clock: Annotated[str, typer.Option(help="The time that --speed follows: log, or event (created_at).")] = "log",
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Continue with new events.")] = True,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """Show the log's events: new ones, or again from any time on. Ctrl-C stops it."""
    given = {"from": start, "until": until, "event_type": event_type, "user_id": user, "speed": speed, "clock": clock}
    asked = {name: value for name, value in given.items() if value is not None}
    run_to_end(show_tail(settings_for(data_dir), asked, stop_at_end=not follow, as_json=as_json))


async def show_tail(settings: Settings, asked: dict[str, Any], *, stop_at_end: bool, as_json: bool) -> None:
    """Prints events until the end that was asked for, or the log's if ``stop_at_end``, or for ever.

    On standard output there is nothing but events and gaps; what happens to the connection is told on standard error.

    Raises:
        StreamRefusedError: what is asked for can't be had.
        QueryUnavailableError: the query service does not answer.
    """
    stamina.instrumentation.set_on_retry_hooks([])  # the display says it itself
    notes = Console(stderr=True, style="dim", highlight=False)
    show = _JsonLines() if as_json else _Lines()
    cursor: str | None = None

    def lost(reason: str) -> None:
        notes.print(f"connecting again: {reason}", markup=False)

    try:
        async for frame in follow_stream(service_url(settings, "query"), asked, lost):
            show.frame(frame)
            cursor = frame["resumed_at"] if frame["kind"] == "gap" else frame["cursor"]
            if stop_at_end and frame["kind"] == "caught_up":
                return
    except BrokenPipeError:  # whoever read our lines has enough
        sys.stderr.close()
    finally:
        if cursor is not None and not as_json and not stop_at_end and not sys.stderr.closed:
            notes.print(f"go on here with --from {cursor}", markup=False)


class _JsonLines:
    """One JSON object per line: an event, or a gap."""

    def frame(self, frame: Frame) -> None:
        found = frame["events"] if frame["kind"] == "events" else [frame] if frame["kind"] == "gap" else []
        for one in found:
            sys.stdout.write(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n")
        sys.stdout.flush()


class _Lines:
    """One line per event; on a terminal it is cut at the right edge."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def frame(self, frame: Frame) -> None:
        if frame["kind"] == "gap":
            self._console.print(Text(f"gap: {frame['reason']}", style="bold yellow"))
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
        (f"{event_type:<{TYPE_WIDTH}} ", COLOURS[crc32(event_type.encode()) % len(COLOURS)]),
        (f"{event['user_id']:>{USER_WIDTH}}  ", "bold"),
        json.dumps(event["event_data"], ensure_ascii=False, separators=(",", ":")),
    )
