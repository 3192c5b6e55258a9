"""Files of the log's server that are removed, cut or changed while it is down. It can make all of them again."""

from collections.abc import Callable
from pathlib import Path

from command.inbox import CONSUMER
from contracts.subjects import INBOX_STREAM, LOG_STREAM
from tools.chaos.system import ChaosSystem

Change = Callable[[Path], None]


def remove(file: Path) -> None:
    """Removes a file."""
    file.unlink()


def cut(file: Path) -> None:
    """Cuts a file in half."""
    with file.open("r+b") as content:
        content.truncate(file.stat().st_size // 2)


def flip(file: Path) -> None:
    """Changes the byte in the middle of a file."""
    found = bytearray(file.read_bytes())
    found[len(found) // 2] ^= 0xFF
    file.write_bytes(found)


INDEX, STATE = f"{LOG_STREAM}/msgs/index.db", f"{INBOX_STREAM}/obs/{CONSUMER}/o.dat"
DAMAGES: list[tuple[str, str, Change]] = [
    ("the log's index removed", INDEX, remove),
    ("the log's index cut in half", INDEX, cut),
    ("a byte of the log's index changed", INDEX, flip),
    # changed, this file makes nats-server 2.15 take all memory at its start: it has no checksum
    ("the state of the inbox's consumer removed", STATE, remove),
]
"""Names, files below the folder of streams, and what happens to them."""


async def damage(file: str, change: Change, system: ChaosSystem) -> None:
    """Stops the log's server, changes a file, and starts the server again."""
    await system.hold("nats")
    try:
        found = system.nats.data_dir / "jetstream" / "$G" / "streams" / file
        if found.exists():
            change(found)
    finally:
        await system.release("nats")
