"""Closing the books: what was sent is where it has to be, in every model and by everybody's count."""

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
"""What verify says of a row that shows what another release made of its entry."""


async def check_accounts(books: Expected, log: LogClient, models: ReadModels) -> None:
    """Compares the books with the log, with what the doors refused, and with every model; all of them have seen it all.

    Raises:
        AssertionError: sent is not stored + duplicate + parked + rejected, or a model is not what it has to be.
    """
    accounts = books.close()
    logged = await recount_log(log, naive_reader(books.release))
    assert logged == accounts.wanted, f"the log: {logged}, not {accounts.wanted}"
    kept = sorted(payload_number(one.payload.encode()) for one in await list_rejected(log, 10_000))
    assert kept == sorted(books.unheard), f"refused without an answer and kept: {kept}, not {sorted(books.unheard)}"
    digests = {await _compare(view, accounts, books, log, models) for view in models.views()}
    assert len(digests - {None}) <= 1, f"the models' digests differ: {digests}"


async def _compare(view: View, accounts: Totals, books: Expected, log: LogClient, models: ReadModels) -> str | None:
    """Gives the model's digest; None for one that shows what an earlier release made of the log."""
    name, wanted = view.name, accounts.wanted
    async with connect_as_user(view.settings, view.model) as connection:
        found = await read_model(connection)
    async with connect_as_user(view.settings) as connection:
        receipt = await verify(log, connection, model=view.model, upcasters=models.upcasters)
        if view.model.live:
            seen = await read_model(connection)
            assert seen == found, f"{name}: readers see {seen}, not {found}"
    counts = receipt.events, receipt.duplicates, receipt.parked
    assert receipt.entries == sum(counts) == len(books.entries), f"{name}: {receipt} of {len(books.entries)} entries"
    assert counts == accounts.counts, f"{name}: events, duplicates, parked are {counts}, not {accounts.counts}"
    stored, duplicates, parked = len(found.rows), books.repeated + receipt.duplicates, len(found.parked)
    assert books.sent == stored + duplicates + parked + books.rejected, (
        f"{name}: {books.sent} sent is not {stored} stored + {duplicates} duplicate + {parked} parked "
        f"+ {books.rejected} rejected"
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
