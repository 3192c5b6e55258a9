"""``tailrace keys``: create, list, rotate and revoke keys."""

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from contracts.errors import ConfigurationError
from runtime.access.foreign_pages import parse_origin
from runtime.access.keys import EMBEDDABLE, Created, Key, KeyStore, question_of
from runtime.log.connect import connect_log
from tailrace.cli.options import DataDir, JsonLines, to_end
from tailrace.endpoints import settings_for
from tailrace.terminal import print_list

app = typer.Typer(no_args_is_help=True, add_completion=False)


class Kind(StrEnum):
    """What a key permits."""

    write = "write"
    read = "read"
    metrics = "metrics"
    embed = "embed"


KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `tailrace keys list` shows it.")]


@app.callback()
def _group() -> None:
    """Keys that services beyond loopback ask for: to write events, to read, to read metrics."""


@app.command()
@to_end
async def create(
    kind: Annotated[
        Kind,
        typer.Argument(help="write: send events. read: query and watch. metrics: /metrics only. embed: a --question."),
    ],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Only web pages of this origin may send the key. Repeatable.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Requests per second that the key permits.", show_default="no limit")
    ] = None,
    question: Annotated[
        str,
        typer.Option(help="What an embed key permits: '/embed?event_type=order&from=-24h'.", show_default=False),
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """Create a key and print it. It is shown only once."""
    origins = [parse_origin(one) for one in origin or []]
    path, _, query = question.partition("?")
    if (kind is Kind.embed) != (path in EMBEDDABLE):
        raise ConfigurationError(
            f"--question {question!r}: an embed key, and no other, has a question that starts with "
            + " or ".join(EMBEDDABLE)
        )
    asked = question_of(path, query) if question else ""
    async with await connect_log(settings_for(data_dir), "keys") as client:
        created = await KeyStore(client).create(kind.value, name=name, origins=origins, rate=rate, question=asked)
    _show_created(created)


@app.command("list")
@to_end
async def list_keys(as_json: JsonLines = False, data_dir: DataDir = None) -> None:
    """List the keys, without the keys themselves."""
    async with await connect_log(settings_for(data_dir), "keys") as client:
        keys = await KeyStore(client).read()
    columns = ("id", "kind", "name", "created", "revoked", "rate", "origins", "question")
    print_list(keys, columns, _row, "there are no keys", as_json=as_json, members=msgspec.to_builtins)


@app.command()
@to_end
async def rotate(key: KeyId, data_dir: DataDir = None) -> None:
    """Create a key like an existing one. Both work until you revoke the old one."""
    async with await connect_log(settings_for(data_dir), "keys") as client:
        created = await KeyStore(client).rotate(key)
    _show_created(created)
    typer.echo(f"the old key still works: `tailrace keys revoke {key}` ends it", err=True)


@app.command()
@to_end
async def revoke(key: KeyId, data_dir: DataDir = None) -> None:
    """Revoke a key. Services refuse it within two seconds."""
    async with await connect_log(settings_for(data_dir), "keys") as client:
        revoked = await KeyStore(client).revoke(key)
    typer.echo(f"revoked the {revoked.kind} key {revoked.id}")


def _row(key: Key) -> tuple[str, ...]:
    revoked = key.revoked_at.isoformat(" ", "seconds") if key.revoked_at else "–"
    rate = f"{key.rate:g}/s" if key.rate else "–"
    return (
        key.id,
        key.kind,
        key.name,
        key.created_at.isoformat(" ", "seconds"),
        revoked,
        rate,
        ", ".join(key.origins) or "–",
        key.question or "–",
    )


def _show_created(created: Created) -> None:
    # only the key on standard output, so that a script can capture it
    typer.echo(created.text)
    typer.echo(f"created the {created.key.kind} key {created.key.id}; it is not shown again", err=True)
