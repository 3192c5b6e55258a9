"""``where``: conditions on properties and dimensions, as the parameters of several endpoints have them."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from contracts.events import MAX_DEPTH

MAX_PROPERTY = 512
"""Characters of a property's path."""
MAX_CONDITIONS = 100

Where = Mapping[str, Sequence[str | None]]
"""The wanted values of each name, as text; None: null."""

_TEXT = """case jsonb_typeof(event_data #> {path})
    when 'number' then trim_scale((event_data #> {path})::numeric)::text
    when 'string' then event_data #>> {path} when 'boolean' then event_data #>> {path}
end"""
"""The text of a property: null if it is missing, null, an object or an array."""


def parse_where(texts: Sequence[str]) -> dict[str, list[str | None]]:
    """Returns the values of each name: ``country:DE``; ``country:`` is the empty text, ``country`` null."""
    found: dict[str, list[str | None]] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        found.setdefault(name, []).append(value if colon else None)
    return found


def check_property(text: str) -> str:
    """Returns the path of a property.

    Raises:
        ValueError: it is not a path.
    """
    root, *keys = text.split(".")
    good = root == "event_data" and keys and all(keys) and len(keys) <= MAX_DEPTH and len(text) <= MAX_PROPERTY
    if not good or "\0" in text:
        raise ValueError("expected a property of event_data, such as event_data.path or event_data.cart.total")
    return text


def keys_of(name: str) -> list[str]:
    """Returns the keys that lead from ``event_data`` to a property."""
    return name.split(".")[1:]


def matching_events(where: Where, after: int) -> tuple[str, list[object]]:
    """Returns conditions on ``event_data`` as SQL for the place ``{where}``, and the values of their parameters.

    Each condition begins with ``and``. The parameters are numbered from ``after`` + 1 on.
    """
    sql, values = "", list[object]()
    for name, wanted in where.items():
        first = after + len(values) + 1
        text = _TEXT.format(path=f"${first}::text[]")
        # null equals nothing: texts get a prefix, and null becomes the empty text
        sql += f" and coalesce(':' || {text}, '') = any (${first + 1}::text[])"
        values += [keys_of(name), ["" if one is None else f":{one}" for one in wanted]]
    return sql, values


def _check_condition(text: str) -> str:
    check_property(text.partition(":")[0])
    if "\0" in text:
        raise ValueError("expected text without U+0000")
    return text


PropertyFilter = Annotated[
    list[Annotated[str, AfterValidator(_check_condition)]],
    Field(
        max_length=MAX_CONDITIONS,
        description="Only events with this value of a property of `event_data`: `event_data.country:DE`; "
        "`event_data.country:` is the empty text, and `event_data.country` means missing, null, an object or an array. "
        "May be given several times: values of the same property are alternatives. Numbers are compared in their "
        "shortest form, and the text `1` equals the number 1.",
    ),
]
