"""What is derived from the rows: counts per minute, hour and day, users per hour, all-time counts.

Where single rows were dropped (retention), the counts before are compared with the log itself, per day and type.
"""

from collections import Counter
from datetime import datetime

from tailrace.projection.verify.receipt import Receipt
from tailrace.projection.verify.tables import LEVELS, Digests, Tables

NAMED = 5


async def compare_derived(tables: Tables, receipt: Receipt, logged: Digests) -> None:
    """Notes in the receipt what differs; ``logged`` is what the log asks for."""
    raw_from = receipt.raw_from
    receipt.rollups = {level: await tables.events_in(level) for level in LEVELS}
    if pending := await tables.late_pending():
        receipt.differ(
            f"late_ranges: {pending:,} late events are not in the aggregates yet; is the projection service running?"
        )
    else:
        await _compare_rollups(tables, receipt, raw_from)
    if raw_from is None:
        await _compare_totals_with_rows(tables, receipt)
    else:
        await _compare_final_days(tables, receipt, logged, raw_from)
        await _compare_totals_with_log(tables, receipt, logged)


async def _compare_rollups(tables: Tables, receipt: Receipt, raw_from: datetime | None) -> None:
    for level in LEVELS:
        for row in await tables.differing_buckets(level, raw_from, NAMED):
            receipt.differ(
                f"events_by_{level}, {row['bucket'].isoformat()} {row['event_type']}: "
                f"it says {row['kept'] or 0:,} events, the rows are {row['counted'] or 0:,}"
            )
    for row in await tables.differing_users(raw_from, NAMED):
        what = "is missing" if row["counted"] else "is there, but no row is"
        receipt.differ(f"users_by_hour, {row['bucket'].isoformat()} {row['event_type']}: user {row['user_id']} {what}")


async def _compare_totals_with_rows(tables: Tables, receipt: Receipt) -> None:
    for row in await tables.differing_totals(NAMED):
        receipt.differ(
            f"all_time, {row['event_type'] or 'all types'}: it says {row['kept_events'] or 0:,} events of "
            f"{row['kept_users'] or 0:,} users ({row['members'] or 0:,} kept), the rows are "
            f"{row['events'] or 0:,} of {row['users'] or 0:,}"
        )


async def _compare_final_days(tables: Tables, receipt: Receipt, logged: Digests, raw_from: datetime) -> None:
    wanted = {cell: events for cell, events in logged.rows.items() if cell[0] < raw_from}
    for level in LEVELS:
        kept = {(row["day"], row["event_type"]): row["events"] for row in await tables.day_counts(level, raw_from)}
        differing = sorted(cell for cell in wanted.keys() | kept.keys() if wanted.get(cell, 0) != kept.get(cell, 0))
        for day, event_type in differing[:NAMED]:
            receipt.differ(
                f"events_by_{level}, {day.date().isoformat()} {event_type}: it says "
                f"{kept.get((day, event_type), 0):,} events, the log {wanted.get((day, event_type), 0):,}"
            )


async def _compare_totals_with_log(tables: Tables, receipt: Receipt, logged: Digests) -> None:
    wanted: Counter[str] = Counter()
    for (_, event_type), events in logged.rows.items():
        wanted[event_type] += events
        wanted[""] += events
    kept = {row["event_type"]: row for row in await tables.totals()}
    for event_type in sorted(wanted.keys() | kept.keys()):
        row = kept.get(event_type)
        events, users, members = (row["events"], row["users"], row["members"]) if row else (0, 0, 0)
        if (events, users) != (wanted[event_type], members):
            receipt.differ(
                f"all_time, {event_type or 'all types'}: it says {events:,} events of {users:,} users "
                f"({members:,} kept), the log has {wanted[event_type]:,} events"
            )
