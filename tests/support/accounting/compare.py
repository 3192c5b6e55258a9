"""Compares the log and every read model with what must be in them."""

import re
from dataclasses import replace

from command.rejected import list_rejected
from runtime.log.client import LogClient
from tests.support.accounting.drafts import naive_reader, payload_number
from tests.support.accounting.expected import Expected, Totals
from tests.support.accounting.read_models import ReadModels, View, connect_as_user
from tests.support.recount import Recount, read_model, recount_log
from verification.run import verify

OTHER_DATA = re.compile("the row is not what log entry|more days and types differ")
"""What ``verify`` reports for rows with the data of another release."""


async def check_accounts(expected: Expected, log: LogClient, models: ReadModels) -> None:
    """Compares the log, the rejected messages and every model with ``expected``; all models are at the log's end.

    Raises:
        AssertionError: sent is not stored + duplicate + parked + rejected, or a model differs.
    """
    totals = expected.totals()
    logged = await recount_log(log, naive_reader(expected.release))
    assert logged == totals.wanted, f"the log: {logged}, not {totals.wanted}"
    kept = sorted(payload_number(one.rejected.payload.encode()) for one in await list_rejected(log, 10_000))
    assert kept == sorted(expected.unanswered), f"rejected without an answer: {kept}, not {sorted(expected.unanswered)}"
    digests = {await _compare(view, totals, expected, log, models) for view in models.views()}
    assert len(digests - {None}) <= 1, f"the models' digests differ: {digests}"


async def _compare(view: View, totals: Totals, expected: Expected, log: LogClient, models: ReadModels) -> str | None:
    """Returns the model's digest; None for a model with the data of an earlier release."""
    name, wanted = view.name, totals.wanted
    async with connect_as_user(view.settings, view.model) as connection:
        found = await read_model(connection)
    async with connect_as_user(view.settings) as connection:
        receipt = await verify(log, connection, model=view.model, upcasters=models.upcasters)
        if view.model.live:
            seen = await read_model(connection)
            assert seen == found, f"{name}: readers see {seen}, not {found}"
    counts = receipt.events, receipt.duplicates, receipt.parked
    assert receipt.entries == sum(counts) == len(expected.entries), (
        f"{name}: {receipt} of {len(expected.entries)} entries"
    )
    assert counts == totals.counts, f"{name}: events, duplicates, parked are {counts}, not {totals.counts}"
    stored, duplicates, parked = len(found.rows), expected.duplicates + receipt.duplicates, len(found.parked)
    assert expected.sent == stored + duplicates + parked + expected.rejected, (
        f"{name}: {expected.sent} sent is not {stored} stored + {duplicates} duplicate + {parked} parked "
        f"+ {expected.rejected} rejected"
    )
    if name in models.outdated:
        found, wanted = _without_data(found), _without_data(wanted)
    assert found == wanted, f"{name}: {found}, not {wanted}"
    differences = [
        sentence for sentence in receipt.differences if name not in models.outdated or not OTHER_DATA.search(sentence)
    ]
    assert differences == [], f"{name}: {differences}"
    return receipt.table_digest if name not in models.outdated else None


def _without_data(model: Recount) -> Recount:
    return replace(model, rows={event_id: (*row[:3], None, row[4]) for event_id, row in model.rows.items()})
