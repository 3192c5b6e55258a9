"""What an answer of ``/sse`` looks like."""

import msgspec

from query.live.documents.frames import CaughtUpFrame, EventsFrame, HelloFrame, examples_of
from query.live.sse import RETRY

_FRAMES = [examples_of(model)[0] for model in (HelloFrame, EventsFrame, CaughtUpFrame)]

EVENT_STREAM = f"retry: {RETRY}\n\n" + "".join(
    f"id: {frame['cursor']}\ndata: {msgspec.json.encode(frame).decode()}\n\n" for frame in _FRAMES
)
