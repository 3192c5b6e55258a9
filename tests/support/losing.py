"""Taking entries away from a log, which its stream doesn't allow as it is."""

from contracts.entries import Gap
from contracts.subjects import LOG_STREAM
from runtime.log.client import LogClient
from runtime.log.history import accept_gap


async def allow_losses(log: LogClient) -> None:
    """Makes an empty log anew, so that entries can be taken away until a service that sets up streams is started."""
    config = (await log.stream_info(LOG_STREAM))["config"]
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    await log.api(f"STREAM.CREATE.{LOG_STREAM}", {**config, "deny_delete": False})


async def lose(log: LogClient, *gaps: Gap) -> None:
    for gap in gaps:
        for seq in range(gap.first, gap.last + 1):
            await log.api(f"STREAM.MSG.DELETE.{LOG_STREAM}", {"seq": seq})


async def lose_and_accept(log: LogClient, *gaps: Gap) -> None:
    await lose(log, *gaps)
    for gap in gaps:
        await accept_gap(log, gap)
