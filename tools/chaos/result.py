"""What a run did and found; ``docs/chaos.json`` keeps that of the last long one."""

from msgspec import Struct, field

from tools.chaos.overload import Overload
from tools.chaos.recovery import Seconds


class Occurrences(Struct):
    """A fault's part in a run, with the slowest recoveries."""

    times: int = 0
    slowest: Seconds = field(default_factory=dict)

    def note(self, took: Seconds) -> None:
        """Counts one occurrence and its recovery."""
        self.times += 1
        for name, seconds in took.items():
            self.slowest[name] = max(self.slowest.get(name, 0), seconds)


class Result(Struct):
    """A run's figures, and a sentence for each broken promise."""

    seed: int
    seconds: float
    faults: dict[str, Occurrences] = field(default_factory=dict)
    kills: int = 0
    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged events that are not in the log."""
    doubled: int = 0
    """Ids that are counted more than once."""
    refused: int = 0
    streamed: int = 0
    overload: Overload = field(default_factory=Overload)
    memory: dict[str, int] = field(default_factory=dict)
    """The most bytes of resident memory, by service."""
    files: dict[str, int] = field(default_factory=dict)
    blocked: dict[str, float] = field(default_factory=dict)
    """The longest turn of the event loop, s, by service."""
    skipped: list[str] = field(default_factory=list)
    """Faults that the machine did not allow."""
    differences: list[str] = field(default_factory=list)
