"""A bounded queue of encoded events, and the thread that sends it in batches until they are in the log."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from tailrace_client.errors import ClientClosedError, RefusedError, UnavailableError
from tailrace_client.events import Rejection
from tailrace_client.requests import post

MAX_BATCH = 500
"""Events per request."""

_BACKOFF = wait_random_exponential(multiplier=0.2, max=10)

_log = logging.getLogger("tailrace_client")


class Sender:
    """Sends the events of its queue over ``http``; its thread starts with the first event.

    ``max_queue`` events may wait, ``linger`` seconds each for more to come. ``on_rejected`` gets the events that can
    never be accepted.
    """

    def __init__(
        self, http: httpx.Client, max_queue: int, linger: float, on_rejected: Callable[[Rejection], None]
    ) -> None:
        self.dropped = 0
        self._http = http
        self._max_queue = max_queue
        self._linger = linger
        self._on_rejected = on_rejected
        self._queue: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._flushing = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._away = False

    def put(self, line: bytes) -> None:
        """Queues an event; drops and counts it if the queue is full.

        Raises:
            ClientClosedError: after ``close``.
        """
        with self._changed:
            if self._closed:
                raise ClientClosedError("the client is closed")
            if len(self._queue) >= self._max_queue:
                self.dropped += 1
                return
            self._queue.append(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tailrace-client", daemon=True)
                self._thread.start()
            if len(self._queue) in (1, MAX_BATCH):
                self._changed.notify_all()

    def flush(self, timeout: float | None) -> bool:
        """Waits until the queue is empty; False if ``timeout`` seconds pass before."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._queue, timeout)
            finally:
                self._flushing -= 1

    def close(self, timeout: float) -> None:
        """Accepts no more events, sends what waits for at most ``timeout`` seconds, and closes the connection."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
        if self.flush(timeout):
            self._http.close()
        else:  # the thread still uses the connection; it ends with the process
            self.dropped += len(self._queue)
            _log.warning("%d events were not sent before the end", len(self._queue))

    def _run(self) -> None:
        while batch := self._next_batch():
            self._deliver(batch)
            with self._changed:
                for _ in batch:
                    self._queue.popleft()
                self._changed.notify_all()

    def _next_batch(self) -> list[bytes]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            full_at = time.monotonic() + self._linger
            self._changed.wait_for(
                lambda: len(self._queue) >= MAX_BATCH or self._flushing, max(0.0, full_at - time.monotonic())
            )
            return list(islice(self._queue, MAX_BATCH))

    def _deliver(self, batch: list[bytes]) -> None:
        # Retries have no end: the queue is bounded, and an id that is sent twice counts once.
        retries = Retrying(
            retry=retry_if_exception_type(UnavailableError), wait=_wait_before_retry, before_sleep=self._report_outage
        )
        try:
            rejections = retries(post, self._http, batch)
        except RefusedError as error:
            self.dropped += len(batch)
            _log.error("%s; %d events are dropped", error, len(batch))
            return
        if self._away:
            self._away = False
            _log.info("%s accepts events again", self._http.base_url)
        for rejection in rejections:
            try:
                self._on_rejected(rejection)
            except Exception:
                _log.exception("on_rejected failed")

    def _report_outage(self, state: RetryCallState) -> None:
        if not self._away:
            self._away = True
            _log.warning("%s; events wait", _error(state))


def _wait_before_retry(state: RetryCallState) -> float:
    return getattr(_error(state), "retry_after", None) or _BACKOFF(state)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
