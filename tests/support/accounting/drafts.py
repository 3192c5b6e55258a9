"""Valid and invalid events, and what each release of the upcasters must project from them.

The expectations are written out here: no code of the product computes them.
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
"""The user that the database refuses until the second release."""


@dataclass(frozen=True)
class Kind:
    """A kind of event. ``sent`` makes ``event_data`` from a number; ``projected`` is each release's data, None: parked.

    ``spoil`` encodes the event's fields as an invalid event.
    """

    sent: Callable[[int], Data]
    projected: tuple[Callable[[int], Data] | None, Callable[[int], Data] | None, Callable[[int], Data] | None]
    event_type: str = "order_completed"
    version: int | None = None
    user: int | None = None
    spoil: Callable[[Data], bytes] | None = None
    has_user: bool = True


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
    "without a user": Kind(_plain, (_plain, _plain, _plain), "click", has_user=False),
    "order with an amount": Kind(_amount, (None, None, _amount), version=3),
}
INVALID = {
    "of an unknown version": Kind(_plain, (None, None, None), "click", version=9),
    "refused by the database": Kind(_plain, (None, _plain, _plain), "click", user=UNSTORABLE_USER),
    "without a type": _spoiled(lambda event: _encode({key: event[key] for key in event if key != "event_type"})),
    "with a boolean as the user": _spoiled(_with(user_id=True)),
    "of the year 2999": _spoiled(_with(created_at="2999-01-01T00:00:00Z")),
    "with an unknown field": _spoiled(_with(colour="red")),
    "truncated": _spoiled(lambda event: _encode(event)[:-2]),
}
KINDS = VALID | INVALID


@dataclass(frozen=True)
class Draft:
    """An event to send. Drafts with the same ``shared_id`` have the same event id; None: sent without an id."""

    kind: str = "click"
    shared_id: int | None = None
    user: int = 1
    minutes: int | None = 0
    """Minutes after ``BASE``; None: sent without a time."""
    uppercase_id: bool = False
    """Sends the id in capitals, which makes it no other id."""

    @property
    def event_id(self) -> UUID | None:
        return None if self.shared_id is None else UUID(f"{self.shared_id:08x}-feed-7abc-8def-c0ffeec0ffee")

    @property
    def event_type(self) -> str:
        return KINDS[self.kind].event_type

    @property
    def user_id(self) -> int | None:
        kind = KINDS[self.kind]
        return (kind.user or self.user) if kind.has_user else None

    def payload(self, number: int) -> bytes:
        kind = KINDS[self.kind]
        event: Data = {"event_type": kind.event_type, "event_data": kind.sent(number)}
        if self.user_id is not None:
            event["user_id"] = self.user_id
        if kind.version is not None:
            event = {"event_version": kind.version, **event}
        if self.minutes is not None:
            event = {"created_at": (BASE + timedelta(minutes=self.minutes)).isoformat(), **event}
        if self.event_id is not None:
            event = {"event_id": str(self.event_id).upper() if self.uppercase_id else str(self.event_id), **event}
        return kind.spoil(event) if kind.spoil is not None else _encode(event)

    def projected(self, number: int, release: int) -> Data | None:
        """Returns the data in the read model; None: the entry is parked."""
        project = KINDS[self.kind].projected[release]
        return project(number) if project is not None else None

    def is_accepted(self, release: int) -> bool:
        """Whether the command service accepts it; it can't know what only the database refuses."""
        return KINDS[self.kind].user == UNSTORABLE_USER or KINDS[self.kind].projected[release] is not None

    @property
    def is_json(self) -> bool:
        return self.kind != "truncated"

    @property
    def has_readable_id(self) -> bool:
        """Whether its log entry claims an id."""
        return self.event_id is not None and self.is_json


def payload_number(payload: bytes) -> int:
    """Returns the number of a payload, valid or not."""
    found = re.search(rb'"n": ?(\d+)', payload)
    assert found is not None, payload
    return int(found[1])


def naive_reader(release: int) -> Callable[[Data], Data]:
    """Returns a reader for ``recount_log``, which raises ValueError or KeyError for entries that must be parked."""

    def read(event: Data) -> Data:
        data, version = dict(event["event_data"]), event.get("event_version", 1)
        if event.keys() - {"event_id", "event_type", "user_id", "created_at", "event_data", "event_version"}:
            raise ValueError("an unknown field")
        if not isinstance(event["event_type"], str):
            raise ValueError("not a type")
        if (
            event.get("user_id") is True
            or not isinstance(event.get("user_id"), int | None)
            or event["created_at"] > "2100"
        ):
            raise ValueError("not a user, or not a time")
        if event.get("user_id") == UNSTORABLE_USER and release == FIRST:
            raise ValueError("refused by the database")
        newest = (2, 2, 3)[release] if event["event_type"] == "order_completed" else 1
        if version > newest:
            raise ValueError("an unknown version")
        if version == 1 and newest > 1:
            total = data.pop("total") if release == FIRST or "total" in data else data.pop("sum")
            data["total_cents"] = round(total * 100)
        if version <= 2 and newest > 2:
            data["amount"] = {"cents": data.pop("total_cents"), "currency": "EUR"}
        return data

    return read
