"""Every path into the log, and the answer that each one gives."""

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
"""Paths that need a running command service."""


class Ingest:
    """Sends submissions through the command service, a plain NATS client, or directly to the log."""

    def __init__(self, settings: Settings, log: LogClient, nats: Client, expected: Expected) -> None:
        self.expected = expected
        self._settings = settings
        self._log = log
        self._nats = nats
        self._command: Command | None = None
        self._ending = AsyncExitStack()
        self._in_inbox: list[Submission] = []
        self._inbox_last = 0

    @classmethod
    async def started(cls, ending: AsyncExitStack, settings: Settings, log: LogClient, expected: Expected) -> "Ingest":
        """Returns one whose command service runs until ``ending``."""
        ingest = cls(settings, log, await ending.enter_async_context(nats_client(settings)), expected)
        ending.push_async_callback(ingest.stop)
        await ingest.start()
        return ingest

    @property
    def is_running(self) -> bool:
        return self._command is not None

    async def start(self) -> None:
        """Starts the command service if it is not running, and waits until it has emptied the inbox."""
        if self._command is None:
            settings = self._settings.model_copy(update={"upcasters": UPCASTERS[self.expected.release]})
            self._command = await self._ending.enter_async_context(running_command(settings))
        await self.settle([])

    async def stop(self) -> None:
        await self._ending.aclose()
        self._command = None

    async def settle(self, submissions: Sequence[Submission]) -> None:
        """Records submissions; those in the inbox only once the service has consumed them."""
        waiting = self._in_inbox
        submissions = [submission for submission in submissions if submission not in waiting]
        assert all(submission.outcome is not None for submission in submissions), submissions
        if self.is_running:
            await until_inbox_is_empty(self._log)
            submissions += waiting
            self._in_inbox = []
        self.expected.record(submissions, await self._written())

    async def _written(self) -> list[LogEntry]:
        """Returns the log's entries that are not recorded yet."""
        last = (await self._log.state()).last_seq
        entries = [await self._log.get(seq) for seq in range(len(self.expected.entries) + 1, last + 1)]
        return [entry for entry in entries if entry is not None]

    async def send(self, submission: Submission, path: Path) -> None:
        match path:
            case "POST":
                await self.post([submission], "one by one")
            case "request":
                await self.submit(submission)
            case "publish" | "publish and forget":
                await self.publish(submission, acknowledged=path == "publish")
            case _:
                await self.append(submission, beyond_window=path == "append beyond the window")

    async def post(self, submissions: Sequence[Submission], body: Body) -> None:
        """``POST /events``."""
        if body == "one by one":
            for submission in submissions:
                await self._post([submission], submission.payload, "application/json")
        elif body == "array" and all(submission.draft.is_json for submission in submissions):
            await self._post(
                submissions,
                b"[" + b",".join(submission.payload for submission in submissions) + b"]",
                "application/json",
            )
        else:
            await self._post(
                submissions, b"\n".join(submission.payload for submission in submissions), "application/x-ndjson"
            )

    async def _post(self, submissions: Sequence[Submission], body: bytes, content_type: str) -> None:
        assert self._command is not None
        answer = await self._command.http.post(
            "/events", params={"detail": "1"}, content=body, headers={"Content-Type": content_type}
        )
        if answer.status_code == 400:  # not JSON
            assert [submission.draft.is_json for submission in submissions] == [False], answer.text
            submissions[0].outcome = "rejected"
            return
        assert answer.status_code in (202, 207, 422), answer.text
        result: dict[str, Any] = answer.json()
        for submission, item in zip(submissions, result["items"], strict=True):
            submission.outcome = "duplicate" if item["duplicate"] else "stored"
        for one in result["rejected"]:
            submissions[one["index"]].outcome = "rejected"
        assert result["accepted"] == sum(submission.outcome != "rejected" for submission in submissions)

    async def submit(self, submission: Submission) -> None:
        """Requests on ``analytics.submit``."""
        answer = json.loads((await self._nats.request(SUBMIT, submission.payload, timeout=30)).data)
        if "error" in answer:
            assert not answer["error"]["retryable"], answer
            submission.outcome = "rejected"
        else:
            submission.outcome = "duplicate" if answer["duplicate"] else "stored"

    async def publish(self, submission: Submission, *, acknowledged: bool) -> None:
        """Publishes on ``analytics``: an acknowledgement means only that the inbox has it."""
        self._in_inbox.append(submission)
        self._inbox_last += 1
        if acknowledged:
            await self._nats.jetstream().publish(INBOX, submission.payload)
            return
        await self._nats.publish(INBOX, submission.payload)
        expected = self._inbox_last

        async def arrived() -> bool:
            return int((await self._log.stream_info(INBOX_STREAM))["state"]["last_seq"]) >= expected

        await until(arrived)

    async def append(self, submission: Submission, *, beyond_window: bool) -> None:
        """Appends directly, under the event's id, or under another one as if the dedupe window were over."""
        submission.direct = True
        event_id = submission.draft.event_id
        submission.message_id = (
            f"submission {submission.number}" if beyond_window or event_id is None else str(event_id)
        )
        subject = subject_of(submission.draft.event_type)
        done = await append(self._log, subject, submission.payload, submission.message_id)
        submission.outcome = "duplicate" if done.duplicate else "stored"
