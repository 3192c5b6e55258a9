"""The columns of a ``Rollup``'s tables."""

from collections.abc import Iterable

from tailrace.declared import Level, RollupDefinition


def quoted(names: Iterable[str]) -> list[str]:
    """Returns names as SQL identifiers; they have no quotes in them."""
    return [f'"{name}"' for name in names]


def users_levels(definition: RollupDefinition) -> list[Level]:
    """Returns the levels that keep users, the finest first; [] without a ``Users`` measure."""
    users = [name for name, measure in definition.measures.items() if measure.kind == "users"]
    return [level for level in definition.every if any(definition.keeps(name, level) for name in users)]


def stored_measures(definition: RollupDefinition) -> list[tuple[int, str, str]]:
    """Returns (index, name, kind) of the measures that have a column: all but users."""
    return [
        (index, name, measure.kind)
        for index, (name, measure) in enumerate(definition.measures.items())
        if measure.kind != "users"
    ]
