"""``just bench all`` at a small size: every benchmark measures, and the page that they write."""

from pathlib import Path
from typing import Any

import pytest
from dirty_equals import IsPartialDict, IsPositiveFloat, IsPositiveInt

from tests.support.benchmarks import Bench
from tools.benchmarks.failover import longest_silence
from tools.benchmarks.page import SECTIONS, render_page
from tools.benchmarks.report import Report, percent
from tools.benchmarks.run import Measured

pytestmark = pytest.mark.timeout(400)

TINY = ("--events", "1000", "--users", "50", "--days", "2")
TINY_LIVE = ("--rate", "100", "--clients", "3", "--seconds", "1", "--fanned-out", "500")
TINY_CLIENTS = ("--idle", "20", "--slow", "3", "--megabytes", "1")
TINY_CLUSTER = ("--replicated", "1000", "--leaders", "1")
TINY_MODELS = ("--size", "1000", "--size", "2000", "--asks", "5")
COMMANDS = {
    "Replay": "replay --events 1000 --users 50 --days 2 --kills 0",
    "Questions": "questions --events 1000 --users 50 --days 2",
    "Growth": "growth --size 1000 --size 2000 --users 50 --days 2 --asks 5",
    "Projection": "projection --events 100 --users 50 --days 2 --runs 2",
    "Contention": "contention --events 200 --users 50 --days 2 --seconds 1",
    "Live": "live --rate 100 --clients 3 --seconds 1",
    "Fan-out": "fanout --events 500 --clients 3",
    "Clients": "clients --idle 20 --slow 3 --megabytes 1",
    "Catching up": "catchup --events 1000 --users 50 --days 2",
    "Cluster": "cluster --events 1000 --rate 100 --seconds 1 --kills 1",
}
MACHINE = {
    "date": "2026-01-02",
    "tailrace": "0.1.0",
    "system": "Linux x86_64",
    "cores": 2,
    "memory": 2**34,
    "python": "3.13.0",
    "nats": "2.15.1",
    "postgres": "18.6",
    "flavour": "postgres",
    "file_system": "ext4",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_everything_is_measured_and_on_the_page(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    page = tmp_path_factory.mktemp("docs") / "benchmarks.md"
    small = ("--kills", "0", "--runs", "2", *TINY_LIVE, *TINY_CLIENTS, *TINY_MODELS, *TINY_CLUSTER)
    found = bench.measure("all", *TINY, *small, "--page", str(page))
    check_questions(found["questions"]["questions"])
    check_projection(found["projection"])
    check_contention(found["contention"])
    check_live(found["live"]["measured"])
    check_fanout(found["fanout"]["measured"])
    check_clients(found["clients"]["measured"])
    check_catchup(found["catchup"])
    check_growth(found["growth"]["questions"])
    check_cluster(found["cluster"])
    text = page.read_text()
    assert list(COMMANDS) == list(SECTIONS) == titles(text)
    for command in COMMANDS.values():
        assert f"```sh\n./just bench {command}\n```\n" in text
    for row in (
        "share of the live rate",
        "all time",
        "as they happened",
        "scattered",
        "live: /stats p95, ms",
        "p99, ms",
    ):
        assert f"\n| {row} " in text
    assert all(len(line) <= 120 or line.startswith("|") for line in text.splitlines())


def check_questions(questions: list[dict[str, Any]]) -> None:
    assert len(questions) == 5
    for one in questions:
        assert one["asked"] > 0
        assert 0 < one["p50"] <= one["p95"]


def check_projection(found: dict[str, Any]) -> None:
    for one in found["projectors"]:
        assert one["per_second"] == [IsPositiveFloat, IsPositiveFloat]
        assert one["best_per_second"] == max(one["per_second"])
    ordered, ordered_peer, scattered, scattered_peer = (one["best_per_second"] for one in found["projectors"])
    assert found["ratios"] == {
        "as they happened": ordered / ordered_peer,
        "scattered": scattered / scattered_peer,
    }


def check_contention(found: dict[str, Any]) -> None:
    for side in ("without", "with"):
        assert found[side] == IsPartialDict(
            catch_up_per_second=IsPositiveFloat,
            asked=IsPositiveInt,
            stats_p50=IsPositiveFloat,
            stats_p95=IsPositiveFloat,
        )
        assert 0 <= found[side]["lag_events_p95"] <= found[side]["lag_events_max"]
        assert 0 <= found[side]["lag_seconds_p95"] <= found[side]["lag_seconds_max"]
    assert found["without"]["appended_per_second"] > 0
    assert found["ratios"]["stats_p50"] == found["with"]["stats_p50"] / found["without"]["stats_p50"]


def check_live(measured: list[dict[str, Any]]) -> None:
    asked = [(one["peer"], one["clients"]) for one in measured]
    assert asked == [("Tailrace", 1), ("send_json", 1), ("Tailrace", 3), ("send_json", 3)]
    for one in measured:
        assert one["published"] == 100
        assert 0 <= one["arrived"] <= 1
        assert one["published_per_second"] > 0
        assert min(one["service_cpu"], one["clients_cpu"], one["producer_cpu"]) >= 0
    for one in measured[::2]:
        assert one["arrived"] == 1
        assert 0 < one["p50"] <= one["p99"] <= one["longest"]
        assert one["events_per_frame"] >= 1


def check_fanout(measured: list[dict[str, Any]]) -> None:
    assert [(one["peer"], one["events"]) for one in measured] == [("Tailrace", 500), ("send_json", 10)]
    ours, naive = measured
    assert naive["frames_per_second"] == naive["events_per_second"] > 0
    assert ours["events_per_second"] > ours["frames_per_second"] > 0


def check_clients(measured: list[dict[str, Any]]) -> None:
    assert [one["peer"] for one in measured] == ["Tailrace", "send_json"]
    for one in measured:
        assert one["memory_per_idle"] == (one["memory_with_idle"] - one["memory_without_idle"]) / 20
        assert one["memory_per_slow"] == (one["memory_with_slow"] - one["memory_without_slow"]) / 3
        assert one["memory_with_slow"] > 10_000_000
    ours = measured[0]
    assert ours["good_alone_arrived"] == ours["good_beside_slow_arrived"] == 1
    # what goes with each frame counts, and how many events are in one depends on the machine's other work
    assert 900_000 < ours["passed"] < 1_500_000


def check_catchup(found: dict[str, Any]) -> None:
    everything, one_type, one_user, *plain = found["measured"]
    assert found["entries"] == everything["events"] == 1_000
    assert 0 < one_type["events"] < 1_000
    assert 0 < one_user["events"] < 1_000
    assert [one["events"] for one in plain] == [1_000, 1_000]
    for one in found["measured"]:
        assert one == IsPartialDict(seconds=IsPositiveFloat, entries_per_second=IsPositiveFloat, ratio=IsPositiveFloat)


def check_growth(questions: list[dict[str, Any]]) -> None:
    assert len(questions) == 8
    for question in questions:
        assert [size["entries"] for size in question["sizes"]] == [1_000, 2_000]
        for size in question["sizes"]:
            assert size == IsPartialDict(asked=IsPositiveInt, p50=IsPositiveFloat)
            assert size["p50"] <= size["p99"]
        small, large = (size["p50"] for size in question["sizes"])
        assert question["growth"]["p50"] == large / small
        with_budget = "users" in question["title"] or "page" in question["title"]
        assert with_budget == (question["budget"] is not None)
        for size in question["sizes"]:
            assert size["kept"] == (size["p50"] <= size["allowed"] if with_budget else None)


def check_cluster(found: dict[str, Any]) -> None:
    single, uncopied, copied = found["measured"]
    assert [(one["servers"], one["copies"]) for one in found["measured"]] == [(1, 1), (3, 1), (3, 3)]
    for one in found["measured"]:
        assert (one["events"], one["events_one_by_one"], one["published"]) == (1_000, 10, 100)
        assert one["acknowledged_per_second"] > 0
        assert 0 < one["alone_p50"] <= one["alone_p99"]
        assert 0 < one["frame_p50"] <= one["frame_p99"]
    assert single["outages"] == uncopied["outages"] == []
    assert copied["outages"] == [IsPositiveFloat]
    assert found["ratios"]["frame_p50"] == copied["frame_p50"] / single["frame_p50"]


def test_an_outage_is_the_longest_time_without_an_acknowledgement_since_the_kill() -> None:
    before, on_their_way, after = [1.0, 3.0], [5.25], [9.0, 9.25]
    assert longest_silence(5.0, before) == (5.0, 5.0)
    assert longest_silence(5.0, before + on_their_way + after) == (5.25, 9.0)


def test_one_benchmark_writes_its_own_section_alone(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    page = tmp_path_factory.mktemp("docs") / "benchmarks.md"
    before = render_page(Measured(MACHINE, [report("Replay"), report("Catching up")]))
    page.write_text(before)
    said = bench.run("catchup", *TINY, "--page", str(page))
    text = page.read_text()
    kept, old = before.split("## Catching up")
    assert text.startswith(kept)
    assert old not in text
    for shown in (said, text):
        assert "\n| one client of `/ws` " in shown
        assert "\n| nats-py, fetch " in shown
    assert "PostgreSQL" in text.split("## Catching up")[1], "it was measured on another day than the page"


def report(title: str, words: str = "Words.") -> Report:
    return Report(title.lower(), f"bench {title.lower()}", title, words, "| a | b |", {})


def titles(text: str) -> list[str]:
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


def test_a_section_takes_its_place_among_the_others() -> None:
    page = render_page(Measured(MACHINE, [report("Replay"), report("Live")]))
    page = render_page(Measured(MACHINE, [report("Growth")]), page)
    assert titles(page) == ["Replay", "Growth", "Live"]


def test_measuring_again_on_the_same_machine_and_day_gives_the_same_page() -> None:
    page = render_page(Measured(MACHINE, [report("Replay"), report("Live")]))
    assert render_page(Measured(MACHINE, [report("Live")]), page) == page
    assert page.count("Linux x86_64") == 1


def test_a_section_of_another_machine_says_so_until_it_is_measured_again() -> None:
    page = render_page(Measured(MACHINE, [report("Replay"), report("Live")]))
    other = render_page(Measured({**MACHINE, "cores": 64}, [report("Live", "Other words.")]), page)
    assert "Other words." in other
    assert "64 cores" in other.split("## Live")[1]
    assert render_page(Measured(MACHINE, [report("Live")]), other) == page


@pytest.mark.parametrize(("share", "shown"), [(1, "100.0 %"), (0.99999, "99.9 %"), (0.5, "50.0 %"), (0, "0.0 %")])
def test_only_all_of_it_is_a_hundred_percent(share: float, shown: str) -> None:
    assert percent(share) == shown
