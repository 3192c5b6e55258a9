"""The output of ``tailrace up``: a panel on a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from query.status import Status
from runtime.log.addresses import shown_address
from tailrace.endpoints import Endpoints
from tailrace.terminal import plain_console
from tailrace.up.child import Child
from tailrace.up.vitals import Reading

PLAIN_INTERVAL = 10.0
RECENT = 4
PROJECTIONS = 6
"""Projections of the user that the panel has space for."""


def _addresses(endpoints: Endpoints) -> list[tuple[str, str]]:
    host = endpoints.database.split("@")[-1]
    return [
        ("page", endpoints.query),
        ("stats", f"{endpoints.query}/stats"),
        ("live", f"{endpoints.query.replace('http', 'ws', 1)}/ws?from=earliest"),
        ("send", f"POST {endpoints.command}/events"),
        ("docs", f"{endpoints.command}/docs  {endpoints.query}/docs"),
        ("nats", f"{shown_address(endpoints.nats)}  subject: analytics"),
        ("database", f"postgresql://{host}  (password: in endpoints.json)"),
    ]


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _figure(status: Status | None, name: str) -> str:
    return _count(getattr(status, name, None))


class PlainDisplay:
    """Prints plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self.progress = ""
        """What a long piece of work has done so far; "" without one."""
        self._console = console
        self._printed = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def step(self, what: str) -> None:
        """Shows that a slow step begins."""
        self.say(f"{what} …")

    def say(self, sentence: str) -> None:
        """Shows what happened."""
        self._console.print(f"tailrace: {sentence}", soft_wrap=True)

    def ready(self, endpoints: Endpoints) -> None:
        """Shows the addresses: everything is ready."""
        for name, address in _addresses(endpoints):
            self.say(f"{name}: {address}")
        self.say("ready")

    def show(self, children: dict[str, Child], reading: Reading) -> None:
        """Shows the current state; a line every 10 s."""
        if time.monotonic() - self._printed < PLAIN_INTERVAL:
            return
        self._printed = time.monotonic()
        down = [name for name, child in children.items() if child.pid is None]
        status = reading.status
        self.say(
            f"in {_figure(status, 'last_seq')} ({_count(reading.in_per_second)}/s), "
            f"projected {_figure(status, 'projected_seq')} ({_count(reading.projected_per_second)}/s), "
            f"lag {_figure(status, 'lag_events')}, live clients {_figure(status, 'live_clients')}, "
            f"parked {_figure(status, 'parked')}" + (f", down: {', '.join(down)}" if down else "")
        )
        if self.progress:
            self.say(self.progress)


class PanelDisplay(PlainDisplay):
    """Redraws a panel in place, for terminals."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._live = Live(console=console, refresh_per_second=8, transient=True)
        self._endpoints: Endpoints | None = None
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._ended = False

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        self._ended = True

    def step(self, what: str) -> None:  # noqa: D102
        self._live.update(Spinner("dots", Text(f" {what} …")))

    def say(self, sentence: str) -> None:  # noqa: D102
        if self._ended:
            super().say(sentence)
        else:
            self._recent.append(f"{time.strftime('%H:%M:%S')}  {sentence}")

    def ready(self, endpoints: Endpoints) -> None:  # noqa: D102
        self._endpoints = endpoints

    def show(self, children: dict[str, Child], reading: Reading) -> None:  # noqa: D102
        where = Table.grid(padding=(0, 2))
        for name, address in _addresses(self._endpoints) if self._endpoints else []:
            where.add_row(Text(name, "dim"), Text(address, overflow="fold"))
        parts: list[Table | Text] = [where, Text(), _numbers(reading), Text(), _processes(children)]
        if reading.projections:
            parts += [Text(), _projections(reading.projections)]
        if self.progress:
            parts += [Text(), Text(self.progress, "cyan")]
        if self._recent:
            parts += [Text(), *(Text(line, "yellow") for line in self._recent)]
        title = Text.assemble(("Tailrace", "bold"), ("  Ctrl-C stops everything; the data stays", "dim"))
        panel = Panel(Group(*parts), title=title, title_align="left", border_style="cyan", padding=(1, 2))
        # the cursor stands on a line of its own: the echo of ^C must not wrap and shift the panel
        self._live.update(Group(panel, Text()))


def make_display() -> PlainDisplay:
    """Returns the panel on a terminal, plain lines elsewhere."""
    console = plain_console()
    return PanelDisplay(console) if console.is_terminal else PlainDisplay(console)


def _numbers(reading: Reading) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    for column in ("events in", "projected", "lag", "live clients", "parked"):
        table.add_column(column, justify="right")
    status = reading.status
    lag = _figure(status, "lag_events") + (" events" if status and status.lag_events is not None else "")
    if status and status.lag_events and status.lag_seconds is not None:
        lag += f", {status.lag_seconds:.1f} s"
    parked = _figure(status, "parked")
    table.add_row(
        Text.assemble((_figure(status, "last_seq"), "bold"), f"  {_count(reading.in_per_second)}/s"),
        Text.assemble((_figure(status, "projected_seq"), "bold"), f"  {_count(reading.projected_per_second)}/s"),
        lag,
        _figure(status, "live_clients"),
        Text(parked, "red" if status and status.parked else ""),
    )
    return table


def _projections(listed: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    for column in ("projection", "version", "state", "lag"):
        table.add_column(column)
    for one in listed[:PROJECTIONS]:
        state = Text(one["state"], "red" if one["state"] == "failed" else "")
        table.add_row(one["name"], str(one["version"]), state, _count(one["lag_events"]))
    if len(listed) > PROJECTIONS:
        table.add_row(f"and {len(listed) - PROJECTIONS} more", "", "", "")
    return table


def _processes(children: dict[str, Child]) -> Text:
    text = Text()
    for name, child in children.items():
        up = child.pid is not None
        text.append("● " if up else "○ ", "green" if up else "red")
        text.append(name if up else f"{name} ({child.state})", "" if up else "red")
        text.append("   ")
    return text
