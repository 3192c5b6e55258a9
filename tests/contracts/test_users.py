"""User ids: integers in their one form stay, every other string becomes its keyed hash."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.errors import UserKeyError
from contracts.users import UserKey, integer_id, no_user_key

KEY = UserKey(b"a secret")


@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**63))
@example(0)
def test_a_64_bit_integer_in_its_one_form_is_that_integer(number: int) -> None:
    assert integer_id(str(number)) == no_user_key(str(number)) == number


@given(st.text(min_size=1, max_size=200))
@example("9223372036854775808")
def test_any_other_text_is_hashed_to_a_negative_64_bit_integer(text: str) -> None:
    if (number := integer_id(text)) is not None:
        assert str(number) == text
        return
    assert -(2**63) <= KEY.hash(text) < 0
    assert KEY.hash(text) == UserKey(b"a secret").hash(text)
    assert KEY.hash(text) != UserKey(b"another secret").hash(text)


@pytest.mark.parametrize("text", ["0123", "+1", "-0", " 1", "1 ", "1.0", "1e3", "٣", "9223372036854775808", "", "-"])
def test_an_integer_in_another_form_is_a_string(text: str) -> None:
    assert integer_id(text) is None
    with pytest.raises(UserKeyError):
        no_user_key(text)


def test_hashes_and_fingerprints_are_the_same_in_every_version() -> None:
    assert (KEY.fingerprint, KEY.hash("alice")) == ("e48537f164b7655d", -1388783913567850134)
