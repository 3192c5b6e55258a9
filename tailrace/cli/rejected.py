"""``tailrace rejected``: lists, retries and purges the messages that validation rejected from the inbox."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from command.rejected import Stored, event_to_retry, list_rejected, purge_rejected, read_rejected, remove_rejected
from contracts.errors import ConfigurationError
from runtime.log.client import LogClient
from runtime.log.connect import connect_log
from runtime.printable import printable
from runtime.settings import Settings
from tailrace.cli.options import DataDir, JsonLines, to_end
from tailrace.command_client import CommandClient
from tailrace.endpoints import service_url, settings_for
from tailrace.terminal import print_list

app = typer.Typer(no_args_is_help=True, add_completion=False)

SHOWN = 200
"""Characters of a payload in the table; --json shows all of it."""
BATCH_BYTES = 1024 * 1024
"""Bytes of events per request: a quarter of the default limit of a body."""


@app.callback()
def _group() -> None:
    """Messages that validation rejected from the inbox."""


@app.command("list")
@to_end
async def rejected_list(
    limit: Annotated[int, typer.Option(min=1, help="The newest; at most this many.")] = 50,
    as_json: JsonLines = False,
    data_dir: DataDir = None,
) -> None:
    """List rejected messages with their reasons, the newest last."""
    async with await connect_log(settings_for(data_dir), "rejected") as client:
        found = (await list_rejected(client, limit))[::-1]
    columns = ("message", "received", "code", "reason", "payload")
    print_list(found, columns, _row, "no rejected messages", as_json=as_json, members=_as_json)


@app.command("retry")
@to_end
async def rejected_retry(
    fixed: Annotated[
        Path | None,
        typer.Option(
            help="Retry only the messages of this file: lines of `rejected list --json` with corrected payloads.",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Send rejected messages to the command service again, after their cause is fixed, and remove those it accepts.

    A fixed upcaster has to be loaded by the command service: restart it first.
    """
    payloads = None if fixed is None else _read_fixed(fixed)
    stored, still = await _retry(settings_for(data_dir), payloads)
    typer.echo(f"{stored:,} stored in the log, {still:,} still rejected")


@app.command("purge")
@to_end
async def rejected_purge(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False, data_dir: DataDir = None
) -> None:
    """Remove all rejected messages for good."""
    if not yes:
        typer.confirm("Remove all rejected messages for good?", abort=True)
    async with await connect_log(settings_for(data_dir), "rejected") as client:
        typer.echo(f"{await purge_rejected(client):,} rejected messages removed")


async def _retry(settings: Settings, payloads: dict[int, str] | None) -> tuple[int, int]:
    stored = still = 0
    command = CommandClient(service_url(settings, "command"), key=settings.write_key)
    async with await connect_log(settings, "rejected") as log, command:
        async for batch in _batches(log, payloads):
            sent = [(seq, event) for seq, event in batch if event is not None]
            reasons = {seq: "its sender has to send it again: not all of it is stored" for seq, _ in batch}
            for seq, _ in sent:
                del reasons[seq]
            if sent:
                answer = await command.send([event for _, event in sent])
                reasons |= {sent[one.index][0]: one.message for one in answer.rejected}
            accepted = [seq for seq, _ in sent if seq not in reasons]
            await remove_rejected(log, accepted)
            stored, still = stored + len(accepted), still + len(reasons)
            for seq, reason in sorted(reasons.items()):
                typer.echo(f"message {seq}: still rejected: {printable(reason)}")
    return stored, still


async def _batches(log: LogClient, payloads: dict[int, str] | None) -> AsyncIterator[list[tuple[int, bytes | None]]]:
    """Yields messages with their events, by ``BATCH_BYTES``."""
    batch: list[tuple[int, bytes | None]] = []
    size = 0
    async for one in read_rejected(log):
        if payloads is not None and one.seq not in payloads:
            continue
        event = event_to_retry(one, None if payloads is None else payloads[one.seq])
        batch.append((one.seq, event))
        size += len(event or b"")
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Fixed(msgspec.Struct):
    seq: int
    payload: str


def _read_fixed(file: Path) -> dict[int, str]:
    try:
        lines = msgspec.json.Decoder(_Fixed).decode_lines(file.read_bytes())
    except (msgspec.MsgspecError, OSError) as error:
        raise ConfigurationError(
            f"{file} can't be read: {error}; expected lines of `tailrace rejected list --json`"
        ) from None
    return {line.seq: line.payload for line in lines}


def _as_json(one: Stored) -> dict[str, object]:
    return {"seq": one.seq, **msgspec.to_builtins(one.rejected)}


def _row(one: Stored) -> tuple[str, ...]:
    rejected = one.rejected
    payload = rejected.payload if len(rejected.payload) <= SHOWN else rejected.payload[:SHOWN] + "…"
    received = rejected.received_at.isoformat(" ", "seconds")
    return str(one.seq), received, rejected.code, rejected.message, payload
