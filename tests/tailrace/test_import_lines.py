"""Reading files by line, ids from lines, and NDJSON events."""

import bz2
import gzip
import lzma
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from uuid import UUID

import msgspec
import pytest
import zstandard

from contracts.errors import ConfigurationError, TailraceError
from tailrace.importer.batches import Batch, batches
from tailrace.importer.files import MAX_LINE, STDIN, Line, open_lines
from tailrace.importer.ids import LineIds

EVENT = b'{"event_type":"test","user_id":%d,"created_at":"2025-01-01T00:00:00Z","event_data":{}}'


def lines_of(path: Path) -> list[Line]:
    with open_lines(path) as source:
        return [line for line in source if line is not None]


def parse(path: Path, batch_size: int = 500) -> list[Batch]:
    with open_lines(path) as source:
        return list(batches(source, "ndjson", batch_size))


def bad_codes(path: Path) -> dict[int, str]:
    return {bad.number: bad.code for batch in parse(path) for bad in batch.bad}


def ids_of(path: Path) -> list[UUID]:
    return [UUID(msgspec.json.decode(event)["event_id"]) for batch in parse(path) for event in batch.events]


def test_line_endings_blank_lines_and_a_byte_order_mark_are_not_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\n  \t\ntwo\nthree")
    assert lines_of(path) == [Line(1, b"one"), Line(4, b"two"), Line(5, b"three")]


def test_an_endless_line_is_skipped_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * MAX_LINE + b"\n" + b"y" * (3 * MAX_LINE + 2) + b"\nafter\n")
    first, endless, after = lines_of(path)
    assert first.text == b"x" * MAX_LINE
    assert endless == Line(2, None)
    assert after == Line(3, b"after")
    assert bad_codes(path)[2] == "line_too_long"


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress], ids=["gzip", "bzip2", "xz", "zstd"]
)
def test_compressed_files_are_recognized_by_content_with_progress_in_compressed_bytes(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(compress(b"one\ntwo\n" * 1000) + compress(b"three\n"))
    with open_lines(path) as source:
        assert len(list(source)) == 2001
        assert source.position == source.size == path.stat().st_size


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[bytes]]:
    """The end to write to, of a pipe that is standard input."""
    reading, writing = os.pipe()
    with open(reading) as stdin, open(writing, "wb", buffering=0) as stream:
        monkeypatch.setattr("sys.stdin", stdin)
        yield stream


def test_standard_input_is_read(pipe: IO[bytes]) -> None:
    pipe.write(b"one\ntwo")
    pipe.close()
    assert lines_of(STDIN) == [Line(1, b"one"), Line(2, b"two")]


def test_the_lines_of_a_pipe_are_a_batch_when_it_pauses(pipe: IO[bytes]) -> None:
    """The pipe stays open, so only a pause can end the batch."""
    pipe.write(EVENT % 1 + b"\n" + b'{"event_type":')
    with open_lines(STDIN) as source:
        upcoming = batches(source, "auto", 500)
        assert next(upcoming).numbers == [1]
        pipe.write(b'"test","user_id":2,"created_at":"2025-01-01T00:00:00Z","event_data":{}}\n')
        assert next(upcoming).numbers == [2]
        source.stop()
        assert next(upcoming) == Batch([], [], [], source.position)


@pytest.mark.parametrize("text", [b"[%s,%s]", b"\xef\xbb\xbf[\n  %s,\n  %s\n]\n", b" [ %s\n,%s ] "])
def test_a_json_array_is_its_elements(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "file"
    pretty = msgspec.json.format(EVENT.replace(b"{}", b'{"a":1.50}') % 2, indent=4)
    path.write_bytes(text % (EVENT % 1, pretty))
    with open_lines(path) as source:
        [batch] = batches(source, "auto", 500)
    assert batch.numbers == [1, 2]
    assert b"\n" not in b"".join(batch.events)
    assert b'{"a":1.50}' in batch.events[1]


def test_a_broken_json_array_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"[" + EVENT % 1)
    with pytest.raises(TailraceError, match="is not a valid JSON array"):
        parse(path)


def test_lines_before_the_end_of_a_truncated_file_are_imported(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    whole = gzip.compress(b"".join(EVENT % n + b"\n" for n in range(5000)))
    path.write_bytes(whole[: len(whole) // 2])
    seen: list[Batch] = []
    with open_lines(path) as source, pytest.raises(TailraceError, match="can't be read to its end"):
        seen.extend(iter(batches(source, "ndjson", 1_000_000)))
    assert seen
    assert seen[0].events


@pytest.mark.parametrize("name", ["missing", ""])
def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"can't be read: (No such file|Is a directory)"):
        lines_of(tmp_path / name)


def test_ids_depend_only_on_the_line_and_its_occurrence() -> None:
    one, other = LineIds(), LineIds()
    first = [one.next_id(line) for line in (b"a", b"b", b"a", b"a 1")]
    assert first == [other.next_id(line) for line in (b"a", b"b", b"a", b"a 1")]
    assert len(set(first)) == 4
    assert str(first[0]) == "3cf22666-923a-829e-8bf7-acdae4d8bffb"  # old imports depend on it


def test_a_missing_event_id_is_derived_and_a_given_one_is_used(tmp_path: Path) -> None:
    given = "0197b0a0-0000-7000-8000-000000000001"
    path = tmp_path / "file"
    with_id = EVENT.replace(b"{", b'{"event_id":"%s",' % given.encode(), 1) % 2
    path.write_bytes(b"\n".join([EVENT % 1, EVENT % 1, with_id]))
    ids = ids_of(path)
    assert len(set(ids)) == 3
    assert ids[2] == UUID(given)
    assert ids_of(path) == ids


def test_bad_events_are_named_by_line_and_others_are_imported(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(
        b"\n".join(
            [
                EVENT % 1,
                b"not json",
                b"",
                b'{"event_type":"\xff","user_id":1,"event_data":{}}',
                b'{"user_id":1,"event_data":{}}',
                b'{"event_type":"test","user_id":1,"event_data":{"a":"\\u0000"}}',
                b"[]",
                EVENT % 2,
            ]
        )
    )
    assert bad_codes(path) == {
        2: "invalid_json",
        4: "invalid_json",
        5: "missing_field",
        6: "invalid_event_data",
        7: "invalid_event",
    }
    assert [number for batch in parse(path) for number in batch.numbers] == [1, 8]


def test_batches_are_bounded_by_lines_and_by_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"bad\n" * 25 + (EVENT % 1 + b"\n") * 25)
    assert max(batch.lines for batch in parse(path, batch_size=10)) == 10
    assert sum(batch.lines for batch in parse(path, batch_size=10)) == 50
    large = EVENT.replace(b"{}", b'{"a":"%s"}' % (b"x" * 30_000))
    path.write_bytes(b"".join(large % n + b"\n" for n in range(100)))
    assert max(sum(map(len, batch.events)) for batch in parse(path)) < 1_100_000
