"""Output with text from events: it neither controls the terminal nor acts as markup."""

import json
import logging
from datetime import UTC, datetime
from io import StringIO

import asyncpg
import msgspec
import pytest

from command.rejected import Rejected
from contracts.subjects import REJECTED_PREFIX
from runtime.log.client import LogClient
from runtime.logs import configure_logging
from runtime.printable import printable
from runtime.settings import Settings
from tailrace.terminal import as_text, label_table, list_table, plain_console
from tests.support.events import append
from tests.support.processes import run_tailrace

HOSTILE = "a\x1b]0;title\x07b\x9bc\u202ed"
ESCAPED = "a\\u001b]0;title\\u0007b\\u009bc\\u202ed"


def test_control_characters_are_escaped_and_other_text_is_unchanged() -> None:
    assert printable(HOSTILE) == ESCAPED
    assert printable("one\ntwo\r\x00\x7f") == "one\\u000atwo\\u000d\\u0000\\u007f"
    assert printable("größe 椅子 👩‍💻 [bold] :100:") == "größe 椅子 👩‍💻 [bold] :100:"


def test_json_stays_the_same_json() -> None:
    text = json.dumps({HOSTILE: [HOSTILE]}, ensure_ascii=False)
    assert json.loads(printable(text)) == json.loads(text)


def test_tables_and_lines_show_markup_emoji_codes_and_control_characters_as_text() -> None:
    position = "1b676e00ed7f:100:55a2b16c4e213d72"
    assert as_text(label_table([("position", position), ("[red]", HOSTILE)])) == (
        f"position  {position}\n[red]     {ESCAPED}"
    )
    assert ESCAPED in as_text(list_table(["reason"], [[HOSTILE]]))
    output = StringIO()
    plain_console(file=output, width=80).print(f"at {position} [red]")
    assert output.getvalue() == f"at {position} [red]\n"


def test_log_lines_escape_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    configure_logging("info")
    try:
        logging.getLogger("tailrace.test").warning("type %s", HOSTILE + "\nINFO forged line")
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logging.getLogger("tailrace.test").exception("failed")
    finally:
        root.handlers[:] = handlers
    logged = capsys.readouterr().err
    assert f"type {ESCAPED}\\u000aINFO forged line\n" in logged
    assert f"ValueError: {ESCAPED}\n" in logged
    assert "\x1b" not in logged


async def test_rejected_and_parked_lists_escape_control_characters(
    log: LogClient, settings: Settings, connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "insert into model_1.parked_events (seq, code, reason, payload, logged_at) values (1, 'x', $1, $2, now())",
        HOSTILE,
        HOSTILE.encode(),
    )
    rejected = Rejected(
        code="x", message=HOSTILE, inbox_seq=1, received_at=datetime.now(UTC), payload=HOSTILE, payload_bytes=1
    )
    await append(log, f"{REJECTED_PREFIX}x", msgspec.json.encode(rejected), "one")
    for command in (
        ("parked", "list"),
        ("parked", "list", "--json"),
        ("parked", "show", "1"),
        ("rejected", "list"),
        ("rejected", "list", "--json"),
    ):
        shown = run_tailrace(settings, *command)
        assert shown.returncode == 0, shown.stderr
        assert not any(character in shown.stdout for character in "\x1b\x07\x9b\u202e"), command
        assert "\\u009b" in shown.stdout
