"""Reads files and pipes by line in constant memory; gzip, bzip2, xz and zstd are recognized by their first bytes."""

import bz2
import gzip
import io
import lzma
import os
import re
import select
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import msgspec
import zstandard
from msgspec import Raw

from contracts.errors import ConfigurationError, TailraceError

MAX_LINE = 1024 * 1024
"""Bytes of a line; a valid event needs far less."""
MAX_ARRAY = 256 * 1024 * 1024
"""Bytes of a JSON array, which is read as a whole."""
IDLE_AFTER = 0.5
"""Seconds without input after which a pipe reports a pause."""

STDIN = Path("-")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ARRAY = re.compile(rb"\s*\[\s*(\{|$)")
_COMPRESSED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": lambda raw: io.BufferedReader(
        zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    ),
}
_MAGIC_BYTES = max(map(len, _COMPRESSED))


class Line(NamedTuple):
    """A line that is not blank, or an element of a JSON array. ``number`` counts from 1, blank lines included.

    ``text`` has no line ending (LF or CRLF); it is None if the line is longer than ``MAX_LINE``.
    """

    number: int
    text: bytes | None


class _Readable(Protocol):
    def readline(self, limit: int, /) -> bytes | None:
        """Returns at most ``limit`` bytes of a line, b"" at the end, and None if a pipe pauses."""


class LineSource:
    """The lines of an open file or pipe. ``size`` is the file's size in bytes, None if unknown."""

    def __init__(
        self, name: str, stream: _Readable, compressed: IO[bytes] | None = None, size: int | None = None
    ) -> None:
        self.size = size
        self._name = name
        self._stream = stream
        self._compressed = compressed
        self._read_bytes = 0
        self._stopped = False

    @property
    def position(self) -> int:
        """The bytes of the file that were read; of a compressed file, compressed bytes."""
        return self._compressed.tell() if self._compressed is not None else self._read_bytes

    def stop(self) -> None:
        """Ends the iteration as at the end of the file; any thread may call it."""
        self._stopped = True

    def __iter__(self) -> Iterator[Line | None]:
        """Yields the lines, and None whenever a pipe pauses.

        Raises:
            TailraceError: the file ends early or can't be read.
        """
        number = 0
        while not self._stopped and (piece := self._read()) != b"":
            if piece is None:
                yield None
                continue
            number += 1
            if number == 1:
                piece = piece.removeprefix(_BYTE_ORDER_MARK)
                if _ARRAY.match(piece):
                    yield from self._elements(piece)
                    return
            whole = len(piece) <= MAX_LINE or piece.endswith(b"\n")
            if not whole:
                self._skip_line()
                yield Line(number, None)
            elif (text := piece.removesuffix(b"\n").removesuffix(b"\r")) and not text.isspace():
                yield Line(number, text)

    def _skip_line(self) -> None:
        while (piece := self._read()) is None or (piece and not piece.endswith(b"\n")):
            if self._stopped:
                return

    def _elements(self, start: bytes) -> Iterator[Line]:
        text = bytearray(start)
        while not self._stopped and (piece := self._read()) != b"":
            text += piece or b""
            if len(text) > MAX_ARRAY:
                raise TailraceError(
                    f"{self._name} is a JSON array of more than {MAX_ARRAY // 1024**2} MB: "
                    "write an event per line, for example with jq -c '.[]'"
                )
        try:
            elements = msgspec.json.decode(text, type=list[Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TailraceError(f"{self._name} is not a valid JSON array: {error}") from None
        for number, element in enumerate(elements, start=1):
            yield Line(number, msgspec.json.format(bytes(element), indent=-1))

    def _read(self) -> bytes | None:
        try:
            piece = self._stream.readline(MAX_LINE + 1)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
            raise TailraceError(f"{self._name} can't be read to its end: {error}") from None
        self._read_bytes += len(piece or b"")
        return piece


class _Pipe:
    """The lines of a file descriptor; does not wait longer than ``IDLE_AFTER`` for one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._searched = 0
        self._ended = False

    def readline(self, limit: int) -> bytes | None:
        while True:
            end = self._buffer.find(b"\n", self._searched, limit)
            if end >= 0 or len(self._buffer) >= limit or self._ended:
                cut = end + 1 if end >= 0 else limit
                piece = bytes(self._buffer[:cut])
                del self._buffer[:cut]
                self._searched = 0
                return piece
            self._searched = len(self._buffer)
            if not select.select([self._descriptor], [], [], IDLE_AFTER)[0]:
                return None
            read = os.read(self._descriptor, 64 * 1024)
            self._ended = not read
            self._buffer += read


@contextmanager
def open_lines(path: Path) -> Iterator[LineSource]:
    """Opens a file, a named pipe, or standard input for ``-``.

    Raises:
        ConfigurationError: the file does not exist or can't be read.
    """
    if path == STDIN:
        yield LineSource("standard input", _Pipe(sys.stdin.fileno()))
        return
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
        status = os.fstat(raw.fileno())
        if not stat.S_ISREG(status.st_mode):
            yield LineSource(str(path), _Pipe(raw.fileno()))
            return
        start = raw.peek(_MAGIC_BYTES)
        for magic, opened in _COMPRESSED.items():
            if start.startswith(magic):
                yield LineSource(str(path), stack.enter_context(opened(raw)), raw, status.st_size)
                return
        yield LineSource(str(path), raw, None, status.st_size)
