"""The composition root: the command line, ``tailrace up``, the embedded servers, the mock producer, the importer.

The packages next to it, in the order of the data flow: ``command`` validates events and appends them to the log,
``projection`` builds read models from it, ``verification`` recounts them, ``query`` answers and streams. All use
``migrations``, ``runtime`` and ``contracts``.
"""
