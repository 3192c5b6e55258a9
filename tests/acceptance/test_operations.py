"""Executes the commands of docs/operations.md as they are written there.

Only addresses, folders, passwords and looked-up numbers are replaced (``Operator.own``). The output of each command has
to match the output that the page shows.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer

from runtime.settings import Settings
from tailrace.cli.main import app
from tailrace.embedded.ports import free_port
from tailrace.endpoints import settings_for
from tests.support.docs_page import Page
from tests.support.log_damage import blocks, copy_files, damage_block, restore_files
from tests.support.operator import UP, Follows, Operator, environment, needs_nats_command, operating
from tests.support.previous_version import PreviousVersion
from tests.support.servers import NatsServer, running_nats
from tests.support.up import UpRun, running_up

PAGE = Page.read("operations.md")
follows = Follows(PAGE)
NO_EVENT = b"no event"
pytestmark = pytest.mark.timeout(180)
LOG_BEHIND = "The log is behind the tables"
DATABASE = "Backing up and restoring the database"


@pytest.fixture
def operator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Operator]:
    """A terminal in which the test executes the blocks that it declares."""
    with operating(request, tmp_path / "here", PAGE) as operator:
        yield operator


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpRun]:
    """A run of ``up`` for tests that leave it unchanged."""
    with running_up(tmp_path_factory.mktemp("up") / "data", "--no-producer", env=environment()) as run:
        run.until_ready()
        yield run


@pytest.fixture
def own(own_nats_server: NatsServer, settings: Settings, operator: Operator) -> Settings:
    """The settings of own servers."""
    own = {"nats_url": own_nats_server.url, "projection_port": free_port()}
    return operator.use(settings.model_copy(update=own))


@pytest.fixture
def running(up: UpRun, operator: Operator) -> Settings:
    """The servers of ``up``, set like own servers."""
    return operator.use(settings_for(up.data_dir))


def test_every_shell_block_of_the_page_is_executed() -> None:
    assert follows.blocks == PAGE.blocks.keys()


def test_every_command_and_link_that_the_page_names_exists() -> None:
    for words in PAGE.commands:
        command = typer.main.get_command(app)
        while isinstance(command, typer.core.TyperGroup) and words:
            command = command.commands[words.pop(0)]
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        assert {word for word in words if word.startswith("-")} <= known, words
    assert {*PAGE.anchors} <= {f"#{heading.lower().replace(' ', '-')}" for heading in PAGE.headings}


@follows("Checking the system 1", "Verifying 1", "Parked and rejected events 1")
def test_status_verification_and_lists_of_parked_and_rejected_events(running: Settings, operator: Operator) -> None:
    before = operator.counted()
    operator.put(20, NO_EVENT)
    operator.publish(NO_EVENT, consumed=True)
    operator.until_counted(before + 20)
    operator.until_told("select count(*) from parked_events", "1")
    operator.follow("Checking the system 1")
    assert "0 waiting, 1 rejected" in operator.output
    operator.follow("Verifying 1")
    operator.own["20002"] = operator.ask("select seq from parked_events")
    operator.follow("Parked and rejected events 1")


@follows("Building a candidate model 1")
def test_a_candidate_model_is_cut_over_rolled_back_and_dropped(running: Settings, operator: Operator) -> None:
    before = operator.counted()
    operator.put(10)
    operator.follow("Building a candidate model 1")
    operator.put(10)
    operator.until_counted(before + 20)
    operator.type("tailrace rollback\ntailrace drop-old")
    operator.until_counted(before + 20)


@follows("Moving to another database 1", "Moving to another database 2")
def test_a_second_database_is_projected_in_parallel(running: Settings, operator: Operator) -> None:
    operator.own["postgresql://user:password@host:5432"] = running.dsn.rsplit("/", 1)[0]
    operator.own["8083"], operator.own["8090"] = str(free_port()), str(free_port())
    before = operator.counted()
    operator.put(20)
    operator.follow("Moving to another database 1")
    services = operator.follow("Moving to another database 2")
    operator.put(20)
    operator.until_answered("http://localhost:8090/status", '"lag_events":0')
    for database in ("$TAILRACE_DATABASE", "$NEW"):
        operator.until_counted(before + 40, database)
    for service in services:
        service.stop()
    operator.ask("drop database analytics_2")


@follows("One machine 1", "One machine 2")
def test_the_log_is_sufficient_to_start_and_a_copied_folder_is_a_complete_backup(operator: Operator) -> None:
    with running_nats(operator.data_dir / "nats") as server:
        operator.use(Settings(nats_url=server.url))
        operator.put(20)
    up = operator.start(UP)
    operator.until_counted(20)
    up.stop()
    operator.follow("One machine 1")
    operator.type("rm -r .tailrace/nats/jetstream")
    operator.follow("One machine 2")
    assert "= 20 events" in operator.output
    operator.until_counted(20)


def restore(operator: Operator, restoring: str) -> None:
    """Backs the database up, adds events, and restores it."""
    [projection] = operator.serve("projection")
    operator.put(20)
    operator.until_counted(20)
    operator.follow(f"{DATABASE} 1")
    operator.put(10)
    operator.until_counted(30)
    projection.stop()
    server = urlsplit(operator.settings.dsn)
    operator.own |= {f"{command} analytics": f"{command} {server.path[1:]}" for command in ("--force", "createdb")}
    operator.set_up(PGHOST=server.hostname, PGPORT=server.port, PGUSER=server.username, PGPASSWORD=server.password)
    operator.follow(restoring)
    operator.serve("projection")
    operator.until_counted(30)
    operator.follow(restoring)
    operator.shows(PAGE.outputs[DATABASE][0], operator.output)
    operator.type("tailrace verify")


@follows(f"{DATABASE} 1", f"{DATABASE} 2")
def test_a_restored_database_catches_up(own: Settings, operator: Operator) -> None:
    restore(operator, f"{DATABASE} 2")


@pytest.mark.native_timescale
@follows(f"{DATABASE} 1", f"{DATABASE} 3")
def test_a_restored_timescaledb_database_catches_up(
    timescale_database: str, own_nats_server: NatsServer, operator: Operator
) -> None:
    own = Settings(nats_url=own_nats_server.url, database=timescale_database, projection_port=free_port())
    operator.use(own)
    operator.type("tailrace migrate")
    restore(operator, f"{DATABASE} 3")


@follows("Upgrading 1")
def test_a_database_of_an_older_version_is_migrated(own: Settings, operator: Operator) -> None:
    operator.ask("drop view log_gaps; drop table model_1.log_gaps")
    operator.ask("delete from tailrace.migrations where name = '0007_log_gaps'")
    operator.shows("the database is not up to date", operator.serve("projection")[0].ended(1))
    operator.follow("Upgrading 1")
    operator.shows("the database is up to date", operator.type("tailrace migrate"))


@follows("Upgrading to other tables 1", "Upgrading to other tables 2")
def test_a_model_of_the_version_before_is_succeeded_by_a_replay_and_can_be_returned_to(
    own: Settings, operator: Operator, previous_version: PreviousVersion
) -> None:
    operator.put(20)
    own = operator.use(own.model_copy(update={"database": f"{own.dsn}_old"}))
    previous_version.run("replay", "--into", own.dsn, environment={"TAILRACE_NATS_URL": own.nats_url})
    operator.type("tailrace migrate")
    operator.serve("projection")
    operator.put(10)
    operator.follow("Upgrading to other tables 1")
    assert operator.counted() == 30
    operator.follow("Upgrading to other tables 2")
    assert operator.counted() == 20


def test_a_projection_stops_if_most_entries_are_invalid_or_parks_them_all(own: Settings, operator: Operator) -> None:
    operator.put(0, *[NO_EVENT] * 150)
    operator.shows(PAGE.quotes["Parked and rejected events"][0], operator.serve("projection")[0].ended(1))
    operator.start("TAILRACE_PARKED_STOP_RATIO=1 tailrace serve projection")
    operator.until_told("select count(*) from parked_events", "150")


@follows(f"{LOG_BEHIND} 1", f"{LOG_BEHIND} 2")
def test_a_log_restored_from_an_older_copy_needs_a_new_epoch(
    own: Settings, own_nats_server: NatsServer, operator: Operator
) -> None:
    command, projection = operator.serve("command", "projection")
    operator.put(20)
    operator.until_counted(20)
    own_nats_server.stop()
    copy_files(own_nats_server, copy := operator.terminal.folder / "copy")
    own_nats_server.start()
    operator.put(10)
    operator.until_counted(30)
    own_nats_server.stop()
    restore_files(own_nats_server, copy)
    own_nats_server.start()
    for output in (projection.ended(1), operator.type("tailrace status", code=1)):
        operator.shows(PAGE.quotes[LOG_BEHIND][0], output)
    operator.put(5)
    operator.own["--lose 3000"] = "--lose 10"
    operator.follow(f"{LOG_BEHIND} 1")
    operator.shows("the stream ANALYTICS is not the one this service started with", command.ended(1))
    operator.serve("command")
    operator.follow(f"{LOG_BEHIND} 1")
    operator.serve("projection")
    operator.until_counted(25)
    [rescue] = PAGE.queries[LOG_BEHIND]
    (operator.terminal.folder / "rescue.sql").write_text(rescue)
    operator.follow(f"{LOG_BEHIND} 2")
    operator.until_counted(35)


@follows("A damaged log 1", "A damaged log 2")
def test_a_damaged_file_is_replaced_or_its_loss_is_recorded(
    own: Settings, own_nats_server: NatsServer, operator: Operator
) -> None:
    def break_a_file() -> str:
        own_nats_server.kill()
        damage_block(blocks(own_nats_server)[0])
        own_nats_server.start()
        named = operator.type("tailrace verify", code=1)
        operator.shows(PAGE.quotes["A damaged log"][0], named)
        return named

    [projection] = operator.serve("projection")
    operator.put(300, data=f'{{"filler":"{"x" * 30_000}"}}')  # the log's files have 8 MiB: one is full
    operator.until_counted(300)
    projection.stop()
    own_nats_server.stop()
    operator.type(f"cd {own_nats_server.embedded.data_dir}; cp -a jetstream /backup/")
    own_nats_server.start()
    break_a_file()
    own_nats_server.stop()
    operator.own["2.blk"] = "1.blk"
    operator.follow("A damaged log 1")
    own_nats_server.start()
    operator.type("tailrace verify")
    gap = re.search(r"accept-gap (\d+)\.\.(\d+)", break_a_file())
    operator.own["12559"], operator.own["25164"] = gap.groups() if gap else ()
    operator.follow("A damaged log 2")
    operator.shows("the model saw them before: it holds more", operator.type("tailrace verify", code=1))


@follows("TimescaleDB 1")
def test_the_session_that_blocks_maintenance_is_named(own: Settings, operator: Operator) -> None:
    def until_one(wait_event: str) -> None:
        activity = "pg_stat_activity where datname = current_database()"
        operator.until_told(f"select count(*) from {activity} and wait_event = '{wait_event}'", "1")

    lock = """psql "$TAILRACE_DATABASE" -Atc 'select pg_backend_pid(), pg_advisory_lock(1)'"""
    holder = operator.start(f"{lock} -c 'select pg_sleep(600)'")
    until_one("PgSleep")
    maintenance = operator.start(f"PGAPPNAME=tailrace-maintenance {lock}")
    until_one("advisory")
    operator.follow("TimescaleDB 1")
    operator.own["28728"] = pid = holder.output.split("|")[0]
    assert f"{{{pid}}}" in operator.output
    operator.ask("select pg_terminate_backend(28728)")
    maintenance.ended()


@needs_nats_command
@follows("Own servers 1", "Own servers 2", "Connected to another log 1")
def test_a_log_is_restored_after_an_empty_one_took_its_place(
    own: Settings, own_nats_server: NatsServer, operator: Operator
) -> None:
    command, projection = operator.serve("command", "projection")
    operator.put(20)
    operator.publish(NO_EVENT, consumed=True)
    operator.until_counted(20)
    command.stop()
    operator.publish(b'{"event_type":"click","user_id":1,"event_data":{}}', consumed=False)
    operator.follow("Own servers 1")
    projection.stop()
    own_nats_server.stop()
    operator.type(f"rm -r {own_nats_server.embedded.data_dir}")
    own_nats_server.start()
    operator.type("tailrace log new-epoch --yes")
    operator.put(2)
    operator.shows(PAGE.quotes["Connected to another log"][0], operator.serve("projection")[0].ended(1))
    operator.follow("Connected to another log 1")
    operator.follow("Own servers 2")
    output = operator.type("tailrace log show\ntailrace status", code=1)
    assert (
        output.count("1 waiting, 1 rejected") == output.count("problem") == output.count("no projection service") == 1
    )
    operator.serve("command", "projection")
    operator.follow("Connected to another log 1")
    operator.until_counted(23)
    operator.type("tailrace verify")


@needs_nats_command
@follows("Own servers 1", "Own servers 2", "One machine 3")
def test_a_log_backup_over_the_network_starts_one_machine(own: Settings, operator: Operator) -> None:
    operator.put(20)
    operator.follow("Own servers 1")
    operator.follow("One machine 3")
    operator.type("until { : </dev/tcp/127.0.0.1/14333; } 2>/dev/null; do :; done")
    operator.follow("Own servers 2")
    operator.follow("One machine 3")
    operator.until_counted(20)
