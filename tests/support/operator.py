"""An operator who follows a documentation page in a terminal, with other addresses, folders, passwords and numbers."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from contracts.subjects import INBOX
from migrations.streams import ensure_streams
from runtime.log.connect import connect_log
from runtime.settings import Settings
from tailrace.embedded.ports import free_port
from tailrace.embedded.postgres import postgres_bin
from tailrace.endpoints import endpoints_file, settings_for
from tests.support.command import until_inbox_is_empty
from tests.support.docs_page import Page, missing
from tests.support.events import append, event, log_events, log_raw
from tests.support.terminal import Program, Terminal, until
from tests.support.up import ANY_PORTS

Test = Callable[..., object]
UP = "./just up"
needs_nats_command = pytest.mark.skipif(
    shutil.which("nats") is None and os.environ.get("CI") != "true",
    reason="needs the NATS command line on the PATH: go install github.com/nats-io/natscli/nats@v0.5.1",
)
_RUNS_ON = rf"^.*(?:{re.escape(UP)}|\btailrace serve ).*$"


class Follows:
    """Records which test follows which blocks of a page."""

    def __init__(self, page: Page) -> None:
        self.blocks: set[str] = set()
        self._page = page

    def __call__(self, *names: str) -> Callable[[Test], Test]:
        """Declares the blocks that a test follows completely."""
        assert self._page.blocks.keys() >= set(names), set(names) - self._page.blocks.keys()
        self.blocks.update(names)

        def declare(test: Test) -> Test:
            test.follows = set(names)  # type: ignore[attr-defined]
            return test

        return declare


class Operator:
    """Types the page's commands; ``own`` maps texts of the page to their replacements."""

    def __init__(self, page: Page, terminal: Terminal, own: dict[str, str]) -> None:
        self.page = page
        self.terminal = terminal
        self.own = own
        self.settings = Settings()
        self.followed: set[str] = set()
        self.output = ""
        """The output of the current or last block."""
        self._steps: dict[str, list[str]] = {}

    @property
    def data_dir(self) -> Path:
        """The data folder of ``up``."""
        return self.terminal.folder / ".tailrace"

    def use(self, settings: Settings) -> Settings:
        """Sets the variables with the addresses of the servers."""
        self.settings = settings
        self.set_up(
            TAILRACE_NATS_URL=settings.nats_url,
            TAILRACE_DATABASE=settings.dsn,
            TAILRACE_COMMAND_URL=settings.command_url or "",
            TAILRACE_QUERY_URL=settings.query_url or "",
            TAILRACE_PROJECTION_URL=settings.projection_url or "",
            TAILRACE_COMMAND_PORT=settings.command_port,
            TAILRACE_QUERY_PORT=settings.query_port,
            TAILRACE_PROJECTION_PORT=settings.projection_port,
            NATS_URL=settings.nats_url,
        )
        return settings

    def set_up(self, **variables: object) -> None:
        """Exports variables in the terminal."""
        self.type("".join(f"export {name}='{value}'\n" for name, value in variables.items()))

    def type(self, text: str, *, code: int = 0) -> str:
        """Runs commands and returns their output. ``code``: the exit code of the first that fails."""
        return self.terminal.type(self._own(text), code=code)

    def start(self, command: str) -> Program:
        """Starts a program in the background; after ``up`` its servers are ready and used."""
        program = self.terminal.start(self._own(command))
        if UP in command:
            ready = endpoints_file(self.data_dir)
            until("up's start", lambda: ready.exists() or not program.runs, lambda: program.output)
            assert program.runs, program.output
            self.use(settings_for(self.data_dir))
        return program

    def serve(self, *services: str) -> list[Program]:
        """Starts services, and waits until each is ready or has ended."""
        programs = [self.start(f"tailrace serve {service}") for service in services]
        for service, program in zip(services, programs, strict=True):
            self._until_started(program, getattr(self.settings, f"{service}_port"))
        return programs

    def _until_started(self, program: Program, port: int) -> None:
        assert port, "the port must be fixed"
        until("its start", lambda: not program.runs or listens(port), lambda: program.output)

    def follow(self, name: str) -> list[Program]:
        """Runs the next step of a block: all of it, unless manual steps divide it.

        After the last step, the output must match the page's.

        Returns:
            The programs that were started.
        """
        block = self.page.blocks[name]
        if name not in self._steps:
            self._steps[name], self.output = block.steps, ""
        steps = self._steps[name]
        started = []
        for part in re.split(f"({_RUNS_ON})", steps.pop(0), flags=re.MULTILINE):
            if re.fullmatch(_RUNS_ON, part):
                started.append(self.start(part))
            else:
                self.output += self.type(part)
        if not steps:
            del self._steps[name]
            self.shows(block.output, self.output)
            self.followed.add(name)
        return started

    def shows(self, shown: str, output: str) -> None:
        """Asserts that the output matches the page's."""
        unlike = missing(self._own(shown), output)
        assert not unlike, f"{unlike} is not in the output: {output}"

    def put(self, events: int, *others: bytes, data: str = "{}") -> None:
        """Appends events and other payloads to the log."""

        async def work() -> None:
            log = await connect_log(self.settings, "test")
            await ensure_streams(log, self.settings)
            await log_events(log, (event(user_id=number, data=data) for number in range(events)))
            for payload in others:
                await log_raw(log, payload)
            await log.close()

        asyncio.run(work())

    def publish(self, payload: bytes, *, consumed: bool) -> None:
        """Publishes to the inbox; waits until the message is consumed if ``consumed``."""

        async def work() -> None:
            log = await connect_log(self.settings, "test")
            await append(log, INBOX, payload, "")
            if consumed:
                await until_inbox_is_empty(log)
            await log.close()

        asyncio.run(work())

    def ask(self, query: str, database: str = "$TAILRACE_DATABASE") -> str:
        """Returns the output of psql."""
        return self.type(f'psql "{database}" -XAtc "{query}"').strip()

    def counted(self) -> int:
        """Returns the number of events in the tables."""
        return int(self.ask("select count(*) from analytics_events"))

    def until_counted(self, events: int, database: str = "$TAILRACE_DATABASE") -> None:
        """Waits until the tables have a number of events."""
        self.until_told("select count(*) from analytics_events", str(events), database)

    def until_told(self, query: str, answer: str, database: str = "$TAILRACE_DATABASE") -> None:
        """Waits until psql returns an answer."""
        until(f"{query} = {answer}", lambda: self.ask(query, database) == answer, lambda: self.ask(query, database))

    def until_answered(self, url: str, answer: str) -> None:
        """Waits until a response contains a text."""

        def answered() -> bool:
            try:
                return answer in httpx.get(self._own(url)).text
            except httpx.HTTPError:
                return False

        until(f"{url}: {answer}", answered)

    def _own(self, text: str) -> str:
        return re.sub("|".join(map(re.escape, self.own)), lambda match: self.own[match[0]], text)


def listens(port: int) -> bool:
    """Whether a port accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def environment() -> dict[str, str]:
    """Returns the environment of a terminal: programs of the project and of Postgres on the PATH, no settings."""
    left_out = ("TAILRACE_", "DB_", "PG", "PYTHONDONTWRITEBYTECODE")  # the last one would prevent cached bytecode
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    path = os.pathsep.join([str(Path(sys.executable).parent), str(postgres_bin()), os.environ["PATH"]])
    return kept | {"PATH": path, "COLUMNS": "160", "NO_COLOR": "1"}


def at(folder: Path, page: Page) -> Operator:
    """Returns an operator in ``folder``, which is like a new clone."""
    (folder / "backup").mkdir(parents=True)
    (folder / ".venv").symlink_to(sys.prefix)
    own = {
        UP: " ".join(["tailrace up --no-producer", *ANY_PORTS]),
        "/backup/": f"{folder}/backup/",
        "14333": str(free_port()),
    }
    return Operator(page, Terminal(folder, environment()), own)


@contextmanager
def operating(request: pytest.FixtureRequest, folder: Path, page: Page) -> Iterator[Operator]:
    """An operator who, unless the test fails, has followed each section that the test declares."""
    failed = request.session.testsfailed
    operator = at(folder, page)
    yield operator
    operator.terminal.close()
    if request.session.testsfailed == failed:
        assert operator.followed == getattr(request.function, "follows", set())
