"""docs/decisions: the index lists each record once, with its title, date and status."""

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[1] / "docs" / "decisions"
PARTS = ["## Context", "## Decision", "## Consequences"]


def test_the_index_lists_every_record_and_each_number_is_used_once() -> None:
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    rows = set()
    for record in records:
        title, _, about, *body = record.read_text().splitlines()
        assert [line for line in body if line.startswith("## ")] == PARTS, record.name
        date, _, status = about.split(" · ")
        rows.add(f"| [{record.name[:4]} {title.removeprefix('# ')}]({record.name}) | {date} | {status} |")
    index = (DECISIONS / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[\d.*$", index, re.MULTILINE)) == sorted(rows)
