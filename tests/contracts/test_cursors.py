"""Cursors parse from their own text, and from nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.cursors import Cursor, fingerprints_agree, full_fingerprint, id_fingerprint
from contracts.errors import BadCursorError

EPOCHS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
TIMES = st.integers(0, 2**63 - 1)


@given(EPOCHS, st.integers(1, 2**63 - 1), st.text(), TIMES)
def test_a_cursor_parses_from_its_text(epoch: str, seq: int, message_id: str, time_ns: int) -> None:
    for fingerprint in (id_fingerprint(message_id), full_fingerprint(message_id, time_ns)):
        cursor = Cursor(epoch, seq, fingerprint)
        assert Cursor.parse(str(cursor)) == cursor


@given(EPOCHS)
def test_the_position_before_the_first_entry_has_no_fingerprint(epoch: str) -> None:
    assert Cursor.parse(str(Cursor(epoch, 0))) == (epoch, 0, "")


@given(st.text().filter(lambda text: text.count(":") != 2) | st.text(max_size=4).map("{0}:{0}:{0}".format))
def test_other_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadCursorError, match="is not a cursor"):
        Cursor.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e",
        "e:1",
        "e:1:",
        "e:0:01234567",
        "e:-1:01234567",
        f"e:{2**63}:01234567",
        "e:1:0123456",
        "e:1:0123456G",
        "e:1:01234567 ",
        "e:1:01234567\n",
        "e:１:01234567",
        "e e:1:01234567",
        f"{'e' * 65}:1:01234567",
    ],
)
def test_a_malformed_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursorError):
        Cursor.parse(text)


@given(st.text(), TIMES, st.text(), TIMES)
def test_fingerprints_agree_if_their_common_halves_do(one: str, one_ns: int, other: str, other_ns: int) -> None:
    same_id, same_time = (
        id_fingerprint(one) == id_fingerprint(other),
        full_fingerprint("", one_ns) == full_fingerprint("", other_ns),
    )
    assert fingerprints_agree(full_fingerprint(one, one_ns), full_fingerprint(other, other_ns)) == (
        same_id and same_time
    )
    assert fingerprints_agree(id_fingerprint(one), full_fingerprint(other, other_ns)) == same_id
    assert fingerprints_agree("", full_fingerprint(other, other_ns))
