"""Reads a file by line in constant memory: plain, gzip (by its suffix), or standard input (``-``)."""

import gzip
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from contracts.errors import ConfigurationError, TailraceError

MAX_LINE = 1024 * 1024
"""Bytes of a line; a valid event needs far less."""

STDIN = Path("-")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line that is not blank. ``number`` counts all lines from 1.

    ``text`` has no line ending (LF or CRLF); it is None if the line is longer than ``MAX_LINE``.
    """

    number: int
    text: bytes | None


class LineSource:
    """The lines of an open file. ``size`` is the file's size in bytes, None if unknown."""

    def __init__(self, name: str, stream: IO[bytes], raw: IO[bytes] | None, size: int | None) -> None:
        self.size = size
        self._name = name
        self._stream = stream
        self._raw = raw
        self._read_bytes = 0

    @property
    def position(self) -> int:
        """The bytes of the file that were read; of a compressed file, compressed bytes."""
        return self._raw.tell() if self._raw is not None else self._read_bytes

    def __iter__(self) -> Iterator[Line]:
        """Yields the lines.

        Raises:
            TailraceError: the file ends early or can't be read.
        """
        number = 0
        while piece := self._read():
            number += 1
            whole = len(piece) <= MAX_LINE or piece.endswith(b"\n")
            while not whole and piece and not piece.endswith(b"\n"):
                piece = self._read()
            text = piece.removesuffix(b"\n").removesuffix(b"\r")
            if number == 1:
                text = text.removeprefix(_BYTE_ORDER_MARK)
            if not whole:
                yield Line(number, None)
            elif text and not text.isspace():
                yield Line(number, text)

    def _read(self) -> bytes:
        try:
            piece = self._stream.readline(MAX_LINE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise TailraceError(f"{self._name} can't be read to its end: {error}") from None
        self._read_bytes += len(piece)
        return piece


@contextmanager
def open_lines(path: Path) -> Iterator[LineSource]:
    """Opens a file, or standard input for ``-``.

    Raises:
        ConfigurationError: the file does not exist or can't be read.
    """
    if path == STDIN:
        yield LineSource("standard input", sys.stdin.buffer, None, None)
        return
    try:
        raw = path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    with raw:
        status = path.stat()
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as stream:
                yield LineSource(str(path), stream, raw if size is not None else None, size)  # type: ignore[arg-type]
        else:
            yield LineSource(str(path), raw, None, size)
