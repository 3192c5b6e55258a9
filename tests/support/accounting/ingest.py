"""Every way an event gets into the log, and what its sender is told."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal

from nats.aio.client import Client

from contracts.entries import LogEntry
from contracts.subjects import INBOX, INBOX_STREAM, SUBMIT, subject_of
from runtime.log.client import LogClient
from runtime.settings import Settings
from tests.support.accounting.expected import Expected, Submission
from tests.support.accounting.releases import UPCASTERS
from tests.support.command import Command, nats_client, running_command, until_inbox_is_empty
from tests.support.events import append
from tests.support.waiting import until

Body = Literal["one by one", "array", "lines"]
Path = Literal["POST", "request", "publish", "publish and forget", "append", "append beyond the window"]
NEEDS_COMMAND: tuple[Path, ...] = ("POST", "request")
"""Where the command service itself has to be there."""


class Ingest:
    """The command service, which may be closed, a plain NATS client, and the log itself."""

    def __init__(self, settings: Settings, log: LogClient, nats: Client, books: Expected) -> None:
        self.books = books
        self._settings = settings
        self._log = log
        self._nats = nats
        self._command: Command | None = None
        self._ending = AsyncExitStack()
        self._in_inbox: list[Submission] = []
        self._inbox_last = 0

    @classmethod
    async def opened(cls, ending: AsyncExitStack, settings: Settings, log: LogClient, books: Expected) -> "Ingest":
        """With the command service running, until ``ending``."""
        doors = cls(settings, log, await ending.enter_async_context(nats_client(settings)), books)
        ending.push_async_callback(doors.close)
        await doors.open()
        return doors

    @property
    def are_open(self) -> bool:
        return self._command is not None

    async def open(self) -> None:
        """Starts the command service if it isn't running; returns once it has taken what waited in the inbox."""
        if self._command is None:
            settings = self._settings.model_copy(update={"upcasters": UPCASTERS[self.books.release]})
            self._command = await self._ending.enter_async_context(running_command(settings))
        await self.settle([])

    async def close(self) -> None:
        await self._ending.aclose()
        self._command = None

    async def settle(self, letters: Sequence[Submission]) -> None:
        """Books letters; those in the inbox once somebody has taken them."""
        waiting = self._in_inbox
        letters = [letter for letter in letters if letter not in waiting]
        assert all(letter.fate is not None for letter in letters), letters
        if self.are_open:
            await until_inbox_is_empty(self._log)
            letters += waiting
            self._in_inbox = []
        self.books.book(letters, await self._written())

    async def _written(self) -> list[LogEntry]:
        """What the log has that is not booked yet."""
        last = (await self._log.state()).last_seq
        entries = [await self._log.get(seq) for seq in range(len(self.books.entries) + 1, last + 1)]
        return [entry for entry in entries if entry is not None]

    async def send(self, letter: Submission, door: Path) -> None:
        match door:
            case "POST":
                await self.post([letter], "one by one")
            case "request":
                await self.submit(letter)
            case "publish" | "publish and forget":
                await self.publish(letter, acknowledged=door == "publish")
            case _:
                await self.append(letter, beyond_window=door == "append beyond the window")

    async def post(self, letters: Sequence[Submission], form: Body) -> None:
        """``POST /events``."""
        if form == "one by one":
            for letter in letters:
                await self._post([letter], letter.payload, "application/json")
        elif form == "array" and all(letter.draft.is_json for letter in letters):
            await self._post(letters, b"[" + b",".join(letter.payload for letter in letters) + b"]", "application/json")
        else:
            await self._post(letters, b"\n".join(letter.payload for letter in letters), "application/x-ndjson")

    async def _post(self, letters: Sequence[Submission], body: bytes, content_type: str) -> None:
        assert self._command is not None
        answer = await self._command.http.post(
            "/events", params={"detail": "1"}, content=body, headers={"Content-Type": content_type}
        )
        if answer.status_code == 400:  # no JSON at all
            assert [letter.draft.is_json for letter in letters] == [False], answer.text
            letters[0].fate = "refused"
            return
        assert answer.status_code in (202, 207, 422), answer.text
        said: dict[str, Any] = answer.json()
        for letter, item in zip(letters, said["items"], strict=True):
            letter.fate = "repeated" if item["duplicate"] else "stored"
        for one in said["rejected"]:
            letters[one["index"]].fate = "refused"
        assert said["accepted"] == sum(letter.fate != "refused" for letter in letters)

    async def submit(self, letter: Submission) -> None:
        """A request on ``analytics.submit``."""
        answer = json.loads((await self._nats.request(SUBMIT, letter.payload, timeout=30)).data)
        if "error" in answer:
            assert not answer["error"]["retryable"], answer
            letter.fate = "refused"
        else:
            letter.fate = "repeated" if answer["duplicate"] else "stored"

    async def publish(self, letter: Submission, *, acknowledged: bool) -> None:
        """A message on ``analytics``: its sender learns at most that the inbox has it."""
        self._in_inbox.append(letter)
        self._inbox_last += 1
        if acknowledged:
            await self._nats.jetstream().publish(INBOX, letter.payload)
            return
        await self._nats.publish(INBOX, letter.payload)
        expected = self._inbox_last

        async def arrived() -> bool:
            return int((await self._log.stream_info(INBOX_STREAM))["state"]["last_seq"]) >= expected

        await until(arrived)

    async def append(self, letter: Submission, *, beyond_window: bool) -> None:
        """Past every door: what the log recognizes it by is its id, or as long after the first one nothing."""
        letter.straight = True
        event_id = letter.draft.event_id
        letter.message_id = f"letter {letter.number}" if beyond_window or event_id is None else str(event_id)
        subject = subject_of(letter.draft.event_type)
        done = await append(self._log, subject, letter.payload, letter.message_id)
        letter.fate = "repeated" if done.duplicate else "stored"
