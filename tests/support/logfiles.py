"""The log's files, as a backup takes them and as a failing disk leaves them. The server has to be down."""

import shutil
from pathlib import Path

from contracts.subjects import LOG_STREAM
from tests.support.servers import NatsServer


def copy_files(server: NatsServer, to: Path) -> None:
    shutil.copytree(server.embedded.data_dir, to)


def put_back(server: NatsServer, copy: Path) -> None:
    shutil.rmtree(server.embedded.data_dir)
    shutil.copytree(copy, server.embedded.data_dir)


def blocks(server: NatsServer) -> list[Path]:
    """The files that hold the log's entries, oldest first: about 8 MiB each."""
    return sorted(_folder(server).glob("*.blk"), key=lambda file: int(file.stem))


def index_of(server: NatsServer) -> Path:
    """What a server that is stopped writes down about the blocks, so as not to read them at its start."""
    return _folder(server) / "index.db"


def damage(block: Path) -> None:
    """Overwrites 3,000 bytes in the middle, as a bad sector does."""
    with block.open("r+b") as file:
        file.seek(block.stat().st_size // 2)
        file.write(b"\xa5" * 3_000)


def _folder(server: NatsServer) -> Path:
    [folder] = server.embedded.data_dir.glob(f"jetstream/*/streams/{LOG_STREAM}/msgs")
    return folder
