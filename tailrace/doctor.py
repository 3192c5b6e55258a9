"""Examines log, inbox, database, models, services and settings without changing anything, for ``tailrace doctor``."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from command.inbox import consumer_problem
from contracts.errors import TailraceError
from contracts.subjects import INBOX_STREAM
from migrations.streams import ensure_streams
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.settings import Settings, find_misspelt
from runtime.user_key import UserIds
from tailrace.status import Status, read_status

MAX_LAG = 60.0


class Finding(NamedTuple):
    """A sentence about a part; ``level`` is ok, note (nothing has to be done) or problem (with the repair)."""

    level: str
    part: str
    text: str


async def examine(settings: Settings) -> list[Finding]:
    """Returns the findings, problems last."""
    status = await read_status(settings, max_lag=MAX_LAG)
    findings = [
        *_settings(),
        *_log(status),
        *(await _streams(settings) if status["log"] else []),
        *_database(status),
        *_models(status),
        *_services(status),
        *(Finding("problem", "status", problem) for problem in status["problems"]),
    ]
    return sorted(findings, key=lambda finding: finding.level == "problem")


def _settings() -> Iterator[Finding]:
    misspelt = [
        Finding("problem", "settings", f"{name} is not a setting and is ignored: rename it to {meant}")
        for name, meant in find_misspelt(os.environ)
    ]
    yield from misspelt or [Finding("ok", "settings", "every TAILRACE_ variable is a setting")]


def _log(status: Status) -> Iterator[Finding]:
    if log := status["log"]:
        yield Finding("ok", "log", f"{log['server']}, epoch {log['epoch']}, {log['events']:,} events")


async def _streams(settings: Settings) -> list[Finding]:
    try:
        async with await connect_log(settings, "doctor") as client:
            reconciled = await ensure_streams(client, settings, dry_run=True)
            inbox = await _inbox(client)
            users = UserIds(settings)
            await users.refresh(client)
    except TailraceError as error:
        return [Finding("problem", "streams", str(error))]
    findings = [
        Finding("problem", "streams", f"pending: {change}; run `tailrace migrate`") for change in reconciled.done
    ]
    findings += [Finding("note", "streams", difference) for difference in reconciled.left]
    findings = findings or [Finding("ok", "streams", "as the settings say")]
    if users.problem and not reconciled.done:
        findings.append(Finding("problem", "users", users.problem))
    return [*findings, inbox]


async def _inbox(client: LogClient) -> Finding:
    if problem := await consumer_problem(client):
        return Finding("problem", "inbox", f"{problem}; start the command service, which creates it again")
    waiting = (await client.stream_info(INBOX_STREAM))["state"]["messages"]
    return Finding("ok", "inbox", f"{waiting:,} messages waiting")


def _database(status: Status) -> Iterator[Finding]:
    if model := status["read_model"]:
        yield Finding("ok", "database", f"{model['server']}, its schema is current")


def _models(status: Status) -> Iterator[Finding]:
    if not (model := status["read_model"]):
        return
    yield Finding("ok", "models", f"{model['model']} is live, {model['flavour']} flavour, at {model['seq']:,}")
    if model["parked"]:
        text = f"{model['parked']:,} events are parked: `tailrace parked list` shows the reasons"
        yield Finding("note", "models", text)
    for other in model["other_models"]:
        name = other["model"]
        if other["state"] == "building":
            text = f"{name} is unfinished: `tailrace replay` resumes it, `tailrace drop-old` removes it"
            yield Finding("note", "models", text)
        elif other["state"] == "frozen":
            text = (
                f"{name}, which an earlier version made, is frozen: `tailrace rollback` shows it to readers, "
                "`tailrace drop-old` removes it"
            )
            yield Finding("note", "models", text)
        elif other["state"] == "dropping":
            yield Finding("problem", "models", f"the drop of {name} was interrupted: run `tailrace drop-old` again")
        else:
            swap = "cutover" if other["role"] == "candidate" else "rollback"
            text = f"{name} is projected too: `tailrace {swap}` shows it to readers, `tailrace drop-old` removes it"
            yield Finding("note", "models", text)


def _services(status: Status) -> Iterator[Finding]:
    for name, service in status["services"].items():
        if not service["answers"]:
            yield Finding("note", "services", f"the {name} service does not answer here; it may run elsewhere")
        elif service["version"] not in (None, status["version"]):
            yield Finding(
                "problem",
                "services",
                f"the {name} service is version {service['version']}, this program {status['version']}: restart it",
            )
        elif not service["problem"]:
            yield Finding("ok", "services", f"{name} is ready")
