"""Damages a log: deletes entries through JetStream, restores old files, corrupts blocks on disk.

The functions that touch files need a stopped server.
"""

import shutil
from pathlib import Path
from typing import Any

from contracts.entries import Gap
from contracts.subjects import LOG_STREAM
from migrations.stream_metadata import accept_gap
from runtime.log.client import LogClient
from tests.support.servers import NatsServer


async def allow_deletes(log: LogClient) -> None:
    """Recreates an empty log that permits deletes, until a service that sets up streams starts."""
    config = (await log.stream_info(LOG_STREAM))["config"]
    await log.api(f"STREAM.DELETE.{LOG_STREAM}")
    await log.api(f"STREAM.CREATE.{LOG_STREAM}", {**config, "deny_delete": False})


async def change_stream(log: LogClient, stream: str, **changes: Any) -> None:
    """Changes the configuration of a stream, like the NATS command line."""
    config = (await log.stream_info(stream))["config"]
    await log.api(f"STREAM.UPDATE.{stream}", {**config, **changes})


async def delete_entries(log: LogClient, *gaps: Gap) -> None:
    for gap in gaps:
        for seq in range(gap.first, gap.last + 1):
            await log.api(f"STREAM.MSG.DELETE.{LOG_STREAM}", {"seq": seq})


async def delete_and_accept(log: LogClient, *gaps: Gap) -> None:
    await delete_entries(log, *gaps)
    for gap in gaps:
        await accept_gap(log, gap)


def copy_files(server: NatsServer, to: Path) -> None:
    shutil.copytree(server.embedded.data_dir, to)


def restore_files(server: NatsServer, copy: Path) -> None:
    shutil.rmtree(server.embedded.data_dir)
    shutil.copytree(copy, server.embedded.data_dir)


def blocks(server: NatsServer) -> list[Path]:
    """Returns the files that hold the log's entries, oldest first, about 8 MiB each."""
    return sorted(_folder(server).glob("*.blk"), key=lambda file: int(file.stem))


def block_index(server: NatsServer) -> Path:
    """Returns the index that a server writes when it stops, so that its next start need not read the blocks."""
    return _folder(server) / "index.db"


def damage_block(block: Path) -> None:
    """Overwrites 3,000 bytes in the middle of a block, as a bad sector does."""
    with block.open("r+b") as file:
        file.seek(block.stat().st_size // 2)
        file.write(b"\xa5" * 3_000)


def flip_byte(block: Path) -> None:
    """Flips a bit in the length of an entry in the middle of a block."""
    data = bytearray(block.read_bytes())
    at = 0
    while at < len(data) // 2:
        at += int.from_bytes(data[at : at + 4], "little") & 0x7FFF_FFFF  # the first bit marks entries with headers
    data[at + 1] ^= 0x40
    block.write_bytes(data)


def _folder(server: NatsServer) -> Path:
    [folder] = server.embedded.data_dir.glob(f"jetstream/*/streams/{LOG_STREAM}/msgs")
    return folder
