"""The output of an import, on a terminal and without one."""

import asyncio
import io
from collections import Counter

import pytest
from rich.console import Console

from tailrace.cli.import_file import SHOWN_REASONS, ImportDisplay
from tailrace.command_client import CommandUnavailableError
from tailrace.importer.report import BadLine, ImportReport, Progress


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, force_terminal=terminal, width=200, color_system=None), output


def progress(read: int, bad: int = 0, reason: str = "reason [{}]") -> Progress:
    lines = [BadLine(number, "not_combined", reason.format(number)) for number in range(1, bad + 1)]
    reasons = Counter((line.code, line.reason) for line in lines)
    return Progress("sending", read * 100, 100_000, read, read - bad, bad, lines, reasons)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_first_reasons_are_shown_once_and_other_bad_lines_are_counted(terminal: bool) -> None:
    to, output = console(terminal=terminal)
    with ImportDisplay(to) as display:
        for bad in (0, 3, 3, SHOWN_REASONS + 10):
            display.update(progress(500, bad))
    shown = output.getvalue()
    for number in range(1, SHOWN_REASONS + 1):
        assert shown.count(f"line {number}: not_combined: reason [{number}]") == 1
    assert f"line {SHOWN_REASONS + 1}:" not in shown
    assert "… and 10 more bad lines" in shown


@pytest.mark.parametrize("terminal", [True, False])
def test_bad_lines_of_equal_reasons_are_grouped_with_their_count(terminal: bool) -> None:
    to, output = console(terminal=terminal)
    with ImportDisplay(to) as display:
        for bad in (2, 30):
            display.update(progress(500, bad, "the text is not valid JSON"))
    assert output.getvalue().count("not_combined: the text is not valid JSON") == 2
    assert "line 1: not_combined: the text is not valid JSON" in output.getvalue()
    assert "29 more lines: not_combined: the text is not valid JSON" in output.getvalue()
    assert "more bad lines" not in output.getvalue()


def test_control_characters_of_a_reason_are_escaped() -> None:
    to, output = console(terminal=False)
    with ImportDisplay(to) as display:
        display.update(progress(5, 1, "no field \x1b]0;title\x07"))
    assert output.getvalue() == "line 1: not_combined: no field \\u001b]0;title\\u0007\n"


def test_a_terminal_shows_a_bar_with_the_rate() -> None:
    to, output = console(terminal=True)
    with ImportDisplay(to) as display:
        display.update(progress(500))
    assert "50.0/100.0 kB" in output.getvalue()
    assert "500 lines" in output.getvalue()


def test_without_a_terminal_a_plain_line_shows_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailrace.cli.import_file.PLAIN_INTERVAL", 0)
    to, output = console(terminal=False)
    with ImportDisplay(to) as display:
        display.update(progress(500))
    assert output.getvalue().startswith("sending: 50 %, 500 lines, ")
    assert output.getvalue().count("\n") == 1


def test_an_outage_is_printed_once() -> None:
    to, output = console(terminal=False)
    with ImportDisplay(to) as display:
        display.retrying(CommandUnavailableError("it is away"))
        display.retrying(CommandUnavailableError("it is away"))
    assert output.getvalue() == "it is away; retrying\n"


def test_the_result_is_printed_and_asks_for_the_format_if_nothing_was_imported() -> None:
    to, output = console(terminal=False)
    display = ImportDisplay(to)
    display.finish(ImportReport(1_000, 990, 10, [], None, 2.0))
    assert "990 of 1,000 lines are in the log (2.0 s, 500/s)" in output.getvalue()
    assert "10 bad lines were skipped" in output.getvalue()
    assert "--format" not in output.getvalue()
    display.finish(ImportReport(10, 0, 10, [], None, 2.0))
    assert "nothing was imported: check --format" in output.getvalue()


def test_a_stopped_import_prints_how_to_resume() -> None:
    to, output = console(terminal=False)
    with pytest.raises(asyncio.CancelledError), ImportDisplay(to):
        raise asyncio.CancelledError
    assert output.getvalue() == "stopped; import the file again to add the rest\n"
