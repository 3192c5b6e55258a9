"""The composition root: the command line, ``tailrace up``, the embedded servers, the mock producer, the importer.

The packages next to it, in the order of the data flow: ``command`` validates events and appends them to the log,
``projection`` builds read models from it, ``verification`` recounts them, ``query`` answers and streams. All use
``migrations``, ``runtime`` and ``contracts``.

``from tailrace import Rollup`` and the other names below declare projections of your own; ``tailrace.testing`` tests
them. Neither imports more than the standard library and msgspec.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tailrace.declared import Count, Event, Fold, Key, Max, Min, Rollup, Sql, Sum, Users

__all__ = ["Count", "Event", "Fold", "Key", "Max", "Min", "Rollup", "Sql", "Sum", "Users"]


def __getattr__(name: str) -> object:
    # loaded when first used: until `main` runs, Ctrl-C shows a traceback
    if name in __all__:
        from tailrace import declared

        return getattr(declared, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
