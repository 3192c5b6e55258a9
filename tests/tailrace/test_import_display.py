"""What a person sees of an import, on a terminal and without one."""

import asyncio
import io

import pytest
from rich.console import Console

from tailrace.cli.import_file import SHOWN_BAD_LINES, ImportDisplay
from tailrace.command_client import CommandUnavailableError
from tailrace.importer.report import BadLine, ImportReport, Progress


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=200, color_system=None), output


def progress(read: int, bad: int = 0) -> Progress:
    lines = [BadLine(number, "not_combined", f"reason [{number}]") for number in range(1, bad + 1)]
    return Progress("sending", read * 100, 100_000, read, read - bad, bad, lines)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_first_bad_lines_are_shown_once_and_the_others_counted(terminal: bool) -> None:
    to, output = console(terminal=terminal)
    with ImportDisplay(to) as display:
        for bad in (0, 3, 3, SHOWN_BAD_LINES + 10):
            display.update(progress(500, bad))
    shown = output.getvalue()
    for number in range(1, SHOWN_BAD_LINES + 1):
        assert shown.count(f"line {number}: not_combined: reason [{number}]") == 1
    assert f"line {SHOWN_BAD_LINES + 1}:" not in shown
    assert "… and 10 more bad lines" in shown


def test_a_terminal_shows_a_bar_with_the_rate() -> None:
    to, output = console(terminal=True)
    with ImportDisplay(to) as display:
        display.update(progress(500))
    assert "50.0/100.0 kB" in output.getvalue()
    assert "500 lines" in output.getvalue()


def test_without_a_terminal_there_are_plain_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailrace.cli.import_file.LINE_EVERY", 0)
    to, output = console(terminal=False)
    with ImportDisplay(to) as display:
        display.update(progress(500))
    assert output.getvalue().startswith("sending: 50 %, 500 lines, ")
    assert output.getvalue().count("\n") == 1


def test_an_outage_is_said_once() -> None:
    to, output = console(terminal=False)
    with ImportDisplay(to) as display:
        display.retrying(CommandUnavailableError("it is away"))
        display.retrying(CommandUnavailableError("it is away"))
    assert output.getvalue() == "it is away; trying again\n"


def test_the_end_sums_up_and_doubts_the_format_when_nothing_was_readable() -> None:
    to, output = console(terminal=False)
    display = ImportDisplay(to)
    display.finish(ImportReport(1_000, 990, 10, [], None, 2.0))
    assert "990 of 1,000 lines are in the log (2.0 s, 500/s)" in output.getvalue()
    assert "10 bad lines were left out" in output.getvalue()
    assert "--format" not in output.getvalue()
    display.finish(ImportReport(10, 0, 10, [], None, 2.0))
    assert "is it the right --format?" in output.getvalue()


def test_a_stopped_import_says_how_to_go_on() -> None:
    to, output = console(terminal=False)
    with pytest.raises(asyncio.CancelledError), ImportDisplay(to):
        raise asyncio.CancelledError
    assert output.getvalue() == "stopped; importing the file again adds only what is missing\n"
