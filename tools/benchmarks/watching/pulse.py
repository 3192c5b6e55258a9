"""``python -m tools.benchmarks.watching.pulse PULSE``: publishes to the log at a fixed rate.

It is told a ``Pulse``. Every event carries when it was published. Each is sent when it is due, not in batches; what the
log has not acknowledged yet doesn't hold back the next. At its end it prints what it did, ``Pulsed``.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import msgspec

from command.appender import BATCH, Appender, Message
from contracts.events import Event, encode_event
from contracts.subjects import subject_of
from runtime.settings import Settings, load_settings
from runtime.supervise import stop_on_signals
from tools.benchmarks.traffic import append, appending
from tools.benchmarks.watching.messages import STAMP_DIGITS, Pulse, Pulsed, cpu_seconds, read_task, run_task

TICK = 0.001
"""Seconds between looks at what is due."""
WARM_UP, WARM_UP_SHARE = 0.5, 0.1
"""Seconds at the start that don't count, and their share of the rate: the first events meet new connections."""
IN_FLIGHT = 200
"""Ticks whose acknowledgements may be outstanding: then the log is too slow for the rate, and the rate falls."""

_TYPE = "page_view"
_SUBJECT = subject_of(_TYPE)


class Pulses:
    """Makes the events, of random users."""

    def __init__(self, padding: int) -> None:
        self._random = Random()
        self._padding = {"padding": "." * padding} if padding else {}

    def make(self, *, stamped: bool) -> Message:
        """The next event, published now."""
        stamp = {"published": f"{time.monotonic_ns():0{STAMP_DIGITS}d}"} if stamped else {}
        data = {**stamp, "path": "/home", "referrer": None, "device": "desktop", **self._padding}
        event = Event(
            UUID(int=self._random.getrandbits(128), version=4),
            _TYPE,
            self._random.randrange(50_000),
            datetime.now(UTC),
            msgspec.Raw(msgspec.json.encode(data)),
        )
        return Message(_SUBJECT, encode_event(event), str(event.event_id))


class Publisher:
    """Publishes, however slowly the log acknowledges; ``finish`` waits for that."""

    def __init__(self, appender: Appender, pulses: Pulses) -> None:
        self._appender = appender
        self._pulses = pulses
        self._sending: set[asyncio.Task[None]] = set()

    async def publish(self, rate: float, seconds: float, stop: asyncio.Event, *, stamped: bool) -> int:
        """Publishes ``rate`` events a second for so long, or until ``stop``, and returns how many that were.

        Raises:
            LogUnavailableError: the log refused or did not acknowledge one.
        """
        began, count, sent = time.monotonic(), max(round(rate * seconds), 1), 0
        while sent < count and not stop.is_set():
            due = min(int((time.monotonic() - began) * rate) + 1, count) - sent
            if due > 0:
                messages = [self._pulses.make(stamped=stamped) for _ in range(min(due, BATCH))]
                self._sending.add(asyncio.create_task(append(self._appender, messages)))
                sent += len(messages)
            self._take(task for task in self._sending if task.done())
            if len(self._sending) > IN_FLIGHT:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(TICK)
        return sent

    async def finish(self) -> None:
        """Waits until all is stored; raises the same."""
        if self._sending:
            await asyncio.wait(self._sending)
        self._take(self._sending)

    def _take(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        for task in list(tasks):
            self._sending.discard(task)
            task.result()


async def serve(settings: Settings, pulse: Pulse) -> Pulsed:
    """Publishes for the time that was asked for, or until SIGTERM, and waits for the last acknowledgement.

    Raises:
        LogUnavailableError: the log refused or did not acknowledge one.
        TailraceError: a process that was to be measured has ended.
    """
    stop = stop_on_signals()
    async with appending(settings) as appender:
        publisher = Publisher(appender, Pulses(pulse.padding))
        await publisher.publish(pulse.rate * WARM_UP_SHARE, WARM_UP, stop, stamped=False)
        used, own, began = [cpu_seconds(pid) for pid in pulse.cpu_of], time.process_time(), time.monotonic()
        published = await publisher.publish(pulse.rate, pulse.seconds, stop, stamped=True)
        seconds = time.monotonic() - began
        pulsed = Pulsed(
            published=published,
            seconds=seconds,
            cpu=(time.process_time() - own) / seconds,
            cpu_of=[(cpu_seconds(pid) - before) / seconds for pid, before in zip(pulse.cpu_of, used, strict=True)],
        )
        await publisher.finish()
    return pulsed


if __name__ == "__main__":
    run_task(serve(load_settings(), read_task(Pulse)))
