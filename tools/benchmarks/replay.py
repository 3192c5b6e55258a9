"""``just bench replay``: a replay that is killed on its way, verified, and compared with the live projector."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.errors import TailraceError
from runtime.settings import Settings
from tools.benchmarks.pace import Pace, follow, watched
from tools.benchmarks.report import Report, megabytes, number, ratio, table, times
from tools.benchmarks.stage import Stage


@dataclass
class Verified:
    """What ``tailrace verify`` found, and what it took: seconds and bytes."""

    receipt: dict[str, Any]
    seconds: float
    peak_memory: int

    @property
    def equal(self) -> bool:
        """Whether log and read model have the same digest, and nothing else differs."""
        found = self.receipt
        return bool(found["log_digest"] == found["table_digest"] and not found["differences"])


@dataclass
class Replayed:
    """A replay of the whole log over all its runs, ``kills`` of which were killed."""

    share: float
    kills: int
    pace: Pace
    peak_memory: int
    verified: Verified


async def bench_replay(stage: Stage, *, kills: int, target: Settings | None = None) -> Report:
    """Measures the live projector, and replays at the default share and at full speed, each into a fresh database.

    The first replay goes into ``target``, for whoever wants to go on with what it leaves.
    """
    live, memory = await measure_live(stage)
    replays: list[Replayed] = []
    for share in sorted({stage.settings.replay_share, 1.0}):
        if target is not None and not replays:
            replays.append(await measure_replay(stage, target, share=share, kills=kills))
        else:
            async with stage.database() as settings:
                replays.append(await measure_replay(stage, settings, share=share, kills=kills))
    return _report(stage, (live, memory), replays, f"bench replay {stage.plan.options} --kills {kills}")


async def measure_live(stage: Stage) -> tuple[Pace, int]:
    """The live projector catching up on the whole log in a fresh database: its pace, and its peak memory in bytes."""
    stage.progress.say("the live projector catches up on the log")
    async with (
        stage.database() as settings,
        watched(settings) as where,
        stage.running(settings, "serve", "projection") as projector,
    ):
        pace = await follow(stage, projector, where, stage.entries, what="projected")
    return pace, projector.peak_memory


async def measure_replay(stage: Stage, settings: Settings, *, share: float, kills: int) -> Replayed:
    """Replays the log, killed (kill -9) at up to ``kills`` places on its way, and verifies."""
    pace, killed, peak = await replay_all(stage, settings, share=share, kills=kills)
    return Replayed(share, killed, pace, peak, await verify(stage, settings))


async def replay_all(stage: Stage, settings: Settings, *, share: float = 1.0, kills: int = 0) -> tuple[Pace, int, int]:
    """Replays the log to its end; returns the pace, how often it was killed, and its peak memory in bytes.

    Raises:
        TailraceError: a replay fails.
    """
    stage.progress.say(f"replaying at share {share:g}")
    pace, killed, peak = Pace(), 0, 0
    for kill in range(kills + 1):
        # two kills: at 20 % and at 60 % of the log
        place = stage.entries * (2 * kill + 1) // (2 * kills + 1) if kill < kills else None
        command = ("replay", "--into", settings.dsn, "--share", f"{share:g}", "--json")
        async with watched(settings) as where, stage.running(settings, *command) as replay:
            pace += await follow(stage, replay, where, place, what="replayed")
            if replay.returncode is None:
                await replay.kill()
                killed += 1
                stage.progress.say(f"killed it at {pace.entries:,} log entries")
        peak = max(peak, replay.peak_memory)
    if not json.loads(replay.output.splitlines()[-1])["finished"]:
        raise TailraceError(f"`{replay.name}` ended before the log did")
    return pace, killed, peak


async def verify(stage: Stage, settings: Settings) -> Verified:
    """Has the read model compared with the log.

    Raises:
        TailraceError: it can't be.
    """
    stage.progress.say("verifying")
    async with stage.running(settings, "verify", "--database", settings.dsn, "--json") as verification:
        took = await verification.wait(stage.patience)
    try:
        receipt = json.loads(verification.output)
    except ValueError:
        verification.check()
        raise
    return Verified(receipt, took, verification.peak_memory)


def _report(stage: Stage, measured: tuple[Pace, int], replays: list[Replayed], command: str) -> Report:
    live, memory = measured
    receipt = replays[0].verified.receipt
    figures = {
        "entries": receipt["entries"],
        "events": receipt["events"],
        "duplicates": receipt["duplicates"],
        "live": {**live.as_json(), "peak_memory": memory},
        "replays": [_figures(one, live) for one in replays],
    }
    shown: list[tuple[str, str, Callable[[Any], str]]] = [
        ("killed", "kills", lambda kills: f"{kills} times"),
        ("log entries/s", "per_second", number),
        ("log entries/s, starts included", "per_second_with_starts", number),
        ("share of the live rate", "share_of_live", times),
        ("peak memory, MB", "peak_memory", megabytes),
        ("verify: log entries/s", "verify_per_second", number),
        ("verify: peak memory, MB", "verify_peak_memory", megabytes),
        ("digest of the log", "log_digest", str),
        ("digest of the read model", "table_digest", str),
        ("verified", "equal", lambda equal: "equal" if equal else "DIFFERENT"),
    ]
    head = ["", "live projector", *(f"replay, share {one.share:g}" for one in replays)]
    columns = [figures["live"], *figures["replays"]]
    rows = [[title, *(show(one[key]) if key in one else "" for one in columns)] for title, key, show in shown]
    return Report(
        "replay",
        command,
        "Replay",
        f"{receipt['entries']:,} log entries ({receipt['events']:,} events, {receipt['duplicates']:,} repetitions) "
        "into fresh databases. `tailrace replay --into` is killed with `kill -9` on its way and run again until it is "
        "through; `tailrace verify` then compares every table with the log. The share is how much of the time a replay "
        f"works ({stage.settings.replay_share:g} if not told otherwise), the live rate that of `tailrace serve "
        "projection` on the same log in the same run.",
        table(head, rows),
        figures,
        None if all(one.verified.equal for one in replays) else "a replayed model differs from the log",
    )


def _figures(one: Replayed, live: Pace) -> dict[str, Any]:
    return {
        "share": one.share,
        "kills": one.kills,
        **one.pace.as_json(),
        "share_of_live": ratio(one.pace.per_second, live.per_second),
        "peak_memory": one.peak_memory,
        "verify_per_second": one.verified.receipt["entries"] / one.verified.seconds,
        "verify_peak_memory": one.verified.peak_memory,
        "log_digest": one.verified.receipt["log_digest"],
        "table_digest": one.verified.receipt["table_digest"],
        "differences": one.verified.receipt["differences"],
        "equal": one.verified.equal,
    }
