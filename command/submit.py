"""``analytics.submit``: a request with an event, answered once the log has it."""

import msgspec
from faststream.nats import NatsBroker

from command.ingest import Ingest, TooManyPendingError
from command.messages import IncomingMessage, SubmitError, SubmitReply, undecoded
from contracts.errors import EventRejectedError, LogFullError, LogUnavailableError
from contracts.subjects import SUBMIT

GROUP = "tailrace-command"
WORKERS = 256

_encoder = msgspec.json.Encoder()


def subscribe_submit(broker: NatsBroker, ingest: Ingest) -> None:
    """Registers the handler; all instances share the requests."""

    @broker.subscriber(
        SUBMIT,
        queue=GROUP,
        max_workers=WORKERS,
        decoder=undecoded,
        title=SUBMIT,
        description=(
            "Request-reply: one event, answered once the log has it, else with the typed error. Without a reply "
            "subject nobody learns of a refusal: to publish and forget, use `analytics`."
        ),
    )
    async def submit(message: IncomingMessage) -> bytes:
        return _encoder.encode(await answer(ingest, message.body))


async def answer(ingest: Ingest, raw: bytes) -> SubmitReply:
    """Takes one event and says what became of it; never raises."""
    try:
        with ingest.admit(1):
            accepted = await ingest.append(raw)
    except EventRejectedError as error:
        return _failed(error.code, error.message, retryable=False)
    except TooManyPendingError as error:
        return _failed("too_many_pending", str(error), retryable=True)
    except LogFullError as error:
        return _failed("log_full", str(error), retryable=True)
    except LogUnavailableError as error:
        return _failed("log_unavailable", str(error), retryable=True)
    return SubmitReply(accepted.event_id, str(ingest.cursor(accepted)), accepted.duplicate)


def _failed(code: str, message: str, *, retryable: bool) -> SubmitReply:
    return SubmitReply(error=SubmitError(code, message, retryable))
