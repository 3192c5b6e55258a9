"""Events as somebody may send them, good and bad, and what each release of the program has to make of them.

What is wanted is stated here one kind at a time, in its own words: no code of the product judges it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.support.accounting.releases import FIRST
from tests.support.events import BASE

Data = dict[str, Any]
UNSTORABLE_USER = 13
"""The user that the database refuses, until it is mended with the first release's upcasters."""


@dataclass(frozen=True)
class Kind:
    """``sent`` makes ``event_data`` of a number; ``shown`` is what each release makes of that: None, nothing at all.

    ``spoil`` makes something of the event's fields that is no event.
    """

    sent: Callable[[int], Data]
    shown: tuple[Callable[[int], Data] | None, Callable[[int], Data] | None, Callable[[int], Data] | None]
    event_type: str = "order_completed"
    version: int | None = None
    user: int | None = None
    spoil: Callable[[Data], bytes] | None = None


def _plain(number: int) -> Data:
    return {"n": number}


def _total(number: int) -> Data:
    return {"n": number, "total": (1_999 + number) / 100}


def _sum(number: int) -> Data:
    return {"sum": (1_999 + number) / 100, "n": number}


def _cents(number: int) -> Data:
    return {"n": number, "total_cents": 1_999 + number}


def _amount(number: int) -> Data:
    return {"n": number, "amount": {"cents": 1_999 + number, "currency": "EUR"}}


def _good(event_type: str) -> Kind:
    return Kind(_plain, (_plain, _plain, _plain), event_type)


def _spoiled(spoil: Callable[[Data], bytes]) -> Kind:
    return Kind(_plain, (None, None, None), "click", spoil=spoil)


def _with(**fields: Any) -> Callable[[Data], bytes]:
    return lambda event: _encode({**event, **fields})


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


VALID = {
    "click": _good("click"),
    "checkout": _good("checkout.completed"),
    "页面": _good("页面"),
    "order with a total": Kind(_total, (_cents, _cents, _amount)),
    "order with a sum": Kind(_sum, (None, _cents, _amount), version=1),
    "order in cents": Kind(_cents, (_cents, _cents, _amount), version=2),
    "order with an amount": Kind(_amount, (None, None, _amount), version=3),
}
INVALID = {
    "of a version that nobody knows": Kind(_plain, (None, None, None), "click", version=9),
    "refused by the database": Kind(_plain, (None, _plain, _plain), "click", user=UNSTORABLE_USER),
    "without a user": _spoiled(lambda event: _encode({key: event[key] for key in event if key != "user_id"})),
    "with a user in letters": _spoiled(_with(user_id="x")),
    "of the year 2999": _spoiled(_with(created_at="2999-01-01T00:00:00Z")),
    "with a field too many": _spoiled(_with(colour="red")),
    "cut off": _spoiled(lambda event: _encode(event)[:-2]),
}
KINDS = VALID | INVALID


@dataclass(frozen=True)
class Draft:
    """An event to be sent. ``again`` numbers the ids that are used again and again (None: sent without an id)."""

    kind: str = "click"
    again: int | None = None
    user: int = 1
    minutes: int | None = 0
    """After ``BASE``; None: sent without a time."""
    shouting: bool = False
    """The id in capitals: it is the same one."""

    @property
    def event_id(self) -> UUID | None:
        return None if self.again is None else UUID(f"{self.again:08x}-feed-7abc-8def-c0ffeec0ffee")

    @property
    def event_type(self) -> str:
        return KINDS[self.kind].event_type

    @property
    def user_id(self) -> int:
        return KINDS[self.kind].user or self.user

    def payload(self, number: int) -> bytes:
        kind = KINDS[self.kind]
        event: Data = {"event_type": kind.event_type, "user_id": self.user_id, "event_data": kind.sent(number)}
        if kind.version is not None:
            event = {"event_version": kind.version, **event}
        if self.minutes is not None:
            event = {"created_at": (BASE + timedelta(minutes=self.minutes)).isoformat(), **event}
        if self.event_id is not None:
            event = {"event_id": str(self.event_id).upper() if self.shouting else str(self.event_id), **event}
        return kind.spoil(event) if kind.spoil is not None else _encode(event)

    def shown(self, number: int, release: int) -> Data | None:
        """The data that the read model shows; None where the log's entry can only be parked."""
        shown = KINDS[self.kind].shown[release]
        return shown(number) if shown is not None else None

    def welcome(self, release: int) -> bool:
        """Whether the door takes it: what only the database refuses, the door can't tell."""
        return KINDS[self.kind].user == UNSTORABLE_USER or KINDS[self.kind].shown[release] is not None

    @property
    def is_json(self) -> bool:
        return self.kind != "cut off"

    @property
    def names_its_id(self) -> bool:
        """Whether its log entry claims an id."""
        return self.event_id is not None and self.is_json

    @property
    def complete(self) -> bool:
        """Whether it has what the door would fill in, and the log's readers never do."""
        return self.event_id is not None and self.minutes is not None


def payload_number(payload: bytes) -> int:
    """The number that a payload was made of, whatever else is wrong with it."""
    found = re.search(rb'"n": ?(\d+)', payload)
    assert found is not None, payload
    return int(found[1])


def naive_reader(release: int) -> Callable[[Data], Data]:
    """What ``recount_log`` takes for the data of an entry; raises ValueError or KeyError for what can't be a row."""

    def read(event: Data) -> Data:
        data, version = dict(event["event_data"]), event.get("event_version", 1)
        if event.keys() - {"event_id", "event_type", "user_id", "created_at", "event_data", "event_version"}:
            raise ValueError("a field too many")
        if not isinstance(event["user_id"], int) or event["created_at"] > "2100":
            raise ValueError("not a user, or not a time")
        if event["user_id"] == UNSTORABLE_USER and release == FIRST:
            raise ValueError("refused by the database")
        newest = (2, 2, 3)[release] if event["event_type"] == "order_completed" else 1
        if version > newest:
            raise ValueError("a newer version")
        if version == 1 and newest > 1:
            total = data.pop("total") if release == FIRST or "total" in data else data.pop("sum")
            data["total_cents"] = round(total * 100)
        if version <= 2 and newest > 2:
            data["amount"] = {"cents": data.pop("total_cents"), "currency": "EUR"}
        return data

    return read
