"""The composition root: the command line, ``tailrace up``, the embedded servers, the mock producer, the importer.

The packages next to it, in the order of the data flow: ``command`` validates events and appends them to the log,
``projection`` builds read models from it, ``verification`` recounts them, ``query`` answers and streams. All use
``migrations``, ``runtime`` and ``contracts``.

``from tailrace import Rollup`` and the other names below declare projections of your own; ``tailrace.testing`` tests
them. Neither imports more than the standard library and msgspec.
"""

from tailrace.declared import Count, Event, Fold, Key, Max, Min, Rollup, Sql, Sum, Users

__all__ = ["Count", "Event", "Fold", "Key", "Max", "Min", "Rollup", "Sql", "Sum", "Users"]
