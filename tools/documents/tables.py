"""Results of benchmarks as Markdown tables."""

from typing import Any


def shown(value: float | int | str | None) -> str:
    """A figure in about three digits; empty without one."""
    if value is None or isinstance(value, str):
        return value or ""
    return (
        f"{value:,.0f}"
        if isinstance(value, int) or value >= 100
        else f"{value:,.1f}"
        if value >= 10
        else f"{value:.2f}"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each row, the first column left-aligned; ratios, whose columns begin with ×, come last."""
    columns = sorted(dict.fromkeys(column for row in rows for column in row), key=lambda column: column.startswith("×"))
    cells = [columns, *([shown(row.get(column)) for column in columns] for row in rows)]
    widths = [max(3, *(len(line[at]) for line in cells)) for at in range(len(columns))]
    lines = [
        [
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in cells
    ]
    lines.insert(1, ["-" * (width - 1) + ":" if at else "-" * width for at, width in enumerate(widths)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
