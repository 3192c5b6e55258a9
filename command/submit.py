"""``analytics.submit``: a request with one event, answered once the log has it."""

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
            "Request-reply: one event, answered once the log has it, or with an error. Without a reply subject a "
            "refusal goes unnoticed: publish on `analytics` instead if you do not wait for the reply."
        ),
    )
    async def submit(message: IncomingMessage) -> bytes:
        return _encoder.encode(await append_one(ingest, message.body))


async def append_one(ingest: Ingest, raw: bytes) -> SubmitReply:
    """Appends one event and returns what became of it; never raises."""
    try:
        with ingest.admit(1):
            accepted = await ingest.append(raw)
    except EventRejectedError as error:
        ingest.count_rejected(error)
        return _failed(error.code, error, retryable=False)
    except TooManyPendingError as error:
        return _failed("too_many_pending", error, retryable=True)
    except LogFullError as error:
        return _failed("log_full", error, retryable=True)
    except LogUnavailableError as error:
        return _failed("log_unavailable", error, retryable=True)
    return SubmitReply(accepted.event_id, str(ingest.cursor(accepted)), accepted.duplicate)


def _failed(code: str, error: Exception, *, retryable: bool) -> SubmitReply:
    return SubmitReply(error=SubmitError(code, str(error), retryable))
