"""``tailrace migrate``: everything that has to be there before services start, made or brought up to date."""

from collections.abc import Callable

from tailrace.migrations.readers import ensure_reader
from tailrace.migrations.runner import migrate
from tailrace.runtime.log.connect import connect_log
from tailrace.runtime.log.topology import ensure_streams
from tailrace.runtime.postgres import connect
from tailrace.runtime.settings import Settings


async def bring_up_to_date(settings: Settings, say: Callable[[str], None], *, dry_run: bool) -> None:
    """The tables first, then the role of readers if one is asked for, then the log's streams.

    Raises:
        ConfigurationError: something can't be made as the settings say.
        DatabaseUnavailableError, LogUnavailableError: a server does not answer; what was done before stays.
        SchemaError: the database was made by a newer Tailrace.
    """
    connection = await connect(settings.dsn, name="migrate")
    try:
        done = await migrate(connection, settings, dry_run=dry_run)
        for change in done:
            say(f"{'would apply' if dry_run else 'applied'} {change}")
        if not done:
            say("the database is up to date")
        if settings.reader_user and settings.reader_pass and not dry_run:
            await ensure_reader(connection, settings.reader_user, settings.reader_pass)
            say(f"{settings.reader_user} may read everything")
    finally:
        await connection.close()
    client = await connect_log(settings, "migrate")
    try:
        streams = await ensure_streams(client, settings, dry_run=dry_run)
    finally:
        await client.close()
    for sentence in streams.done:
        say(f"{'would do: ' if dry_run else ''}{sentence}")
    for sentence in streams.left:
        say(sentence)
    if not streams.done:
        say("the log is up to date")
