"""What the streams' metadata stores: the log's epoch, recorded gaps and key of user ids, and removed messages."""

from typing import Any

from contracts.entries import Gap, merge_gaps
from contracts.errors import ConfigurationError

EPOCH_KEY = "tailrace-epoch"
GAPS_KEY = "tailrace-gaps"
REMOVED_KEY = "tailrace-removed"
USER_KEY = "tailrace-user-key"


def epoch_of(info: dict[str, Any]) -> str:
    """Returns the epoch in a stream's description; "" if another program created the stream."""
    return _value(info, EPOCH_KEY)


def user_key_of(info: dict[str, Any]) -> str:
    """Returns the fingerprint of the key of user ids; "" if the log has none yet."""
    return _value(info, USER_KEY)


def gaps_of(info: dict[str, Any]) -> tuple[Gap, ...]:
    """Returns the recorded gaps in a stream's description.

    Raises:
        ConfigurationError: the text is not a list of gaps.
    """
    text = _value(info, GAPS_KEY)
    try:
        return merge_gaps(Gap(*map(int, gap.split("-", 1))) for gap in text.split(",") if gap)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"the metadata {GAPS_KEY} of the log's stream is {text!r}: correct it, to gaps such as 1200-1399,5000-5000"
        ) from None


def removed_from(info: dict[str, Any]) -> int:
    """Returns how many messages `tailrace rejected` has removed from a stream."""
    text = _value(info, REMOVED_KEY)
    return int(text) if text.isdecimal() else 0


def gaps_text(gaps: tuple[Gap, ...]) -> str:
    """Returns gaps as the stream's metadata stores them."""
    return ",".join(f"{gap.first}-{gap.last}" for gap in gaps)


def _value(info: dict[str, Any], key: str) -> str:
    value: str = (info["config"].get("metadata") or {}).get(key, "")
    return value
