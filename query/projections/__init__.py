"""``GET /projections``: the projections that users declare, and the rows of each.

``question.py`` has the parameters, ``models.py`` the shapes of the answers, ``routes.py`` the HTTP side. ``answer.py``
reads a projection in one snapshot: ``rows.py`` those of a ``Fold`` or ``Sql``, ``cells.py`` those of a ``Rollup``, with
``levels.py``, which chooses the tables of a range, and ``users.py``, which counts distinct users.
"""
