"""``tailrace produce``."""

from typing import Annotated

import typer

from runtime.logs import configure_logging
from tailrace.cli.options import DataDir, Rate, to_end
from tailrace.endpoints import settings_for
from tailrace.producer.service import serve


@to_end
async def produce(
    rate: Rate = 20.0,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many events.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same events.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Send mock events: page views, clicks and orders of returning users."""
    settings = settings_for(data_dir)
    configure_logging(settings.log_level, settings.log_format, "producer")
    await serve(settings, rate, count, seed)
