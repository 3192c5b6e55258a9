"""What the processes of a benchmark are told (their one argument), and what they print at their end: JSON both."""

import sys
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

import msgspec
import psutil
from msgspec import Struct

from contracts.errors import TailraceError
from tailrace.cli.options import run_to_end

T = TypeVar("T", bound=Struct)

READY = "ready"
"""What a process prints when it has done what comes before the measuring."""

STAMP = b'"published":"'
STAMP_DIGITS = 19
"""In the ``event_data`` of a pulse's events: ``time.monotonic_ns()`` of the publishing, a clock that all processes of a
machine share, in so many digits. Those of the warm-up have none."""


class Watch(Struct):
    """Clients of a service whose process is ``pid``, and until when they watch: at the latest until SIGTERM."""

    url: str
    clients: int
    pid: int
    timed: bool = False
    """Whether they tell how old each event is on arrival."""
    events: int = 0
    """Each has seen enough after so many events; 0: never."""
    say: str = ""
    """What each says once all are connected; it has seen enough when it has caught up again."""
    deaf: bool = False
    """Whether they read nothing once they are connected."""


class Latency(Struct):
    """Seconds from publish to the frame's arrival."""

    p50: float
    p99: float
    longest: float


class Watched(Struct):
    """What all clients got together; seconds and CPU seconds from when all were connected to the end."""

    seconds: float
    frames: int
    events: int
    bytes: int
    fewest: int
    """Events of the client that got the fewest."""
    lost: int
    """Clients that the service let go."""
    cpu: float
    service_cpu: float
    latency: Latency | None


class Pulse(Struct):
    """Events to be published at a fixed rate, and the processes whose CPU time is measured meanwhile."""

    rate: float
    seconds: float
    padding: int = 0
    """Bytes in each event that mean nothing."""
    cpu_of: list[int] = []


class Pulsed(Struct):
    """What was published behind the warm-up; CPU times in cores: CPU seconds a second."""

    published: int
    seconds: float
    cpu: float
    cpu_of: list[float]

    @property
    def per_second(self) -> float:
        """The rate that was achieved."""
        return self.published / self.seconds


class Reading(Struct):
    """So many messages are to be read from the log's beginning, by nats-py's ordered consumer or by its ``fetch``."""

    way: Literal["ordered", "fetch"]
    messages: int


class Read(Struct):
    """How many messages of the log were read, of how many bytes, and the seconds and CPU seconds that took."""

    messages: int
    bytes: int
    seconds: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far.

    Raises:
        TailraceError: it has ended.
    """
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        raise TailraceError(f"the process {pid}, which was to be measured, has ended") from None
    return times.user + times.system


def say_ready() -> None:
    """To be called by a process once."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()


def read_task(kind: type[T]) -> T:
    """What this process was told."""
    return msgspec.json.decode(sys.argv[1], type=kind)


def run_task(work: "Coroutine[Any, Any, Struct]") -> None:
    """Does it, and prints what was found, or on stderr the sentence that says why not."""
    try:
        found = run_to_end(work)
    except TailraceError as error:
        sys.exit(str(error))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
