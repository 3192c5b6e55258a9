"""``GET /stats``: events and users, of a range or of all time, per event type and per bucket of time.

``question.py`` has the parameters, ``models.py`` the shape of the answer, ``routes.py`` the HTTP side. ``answer.py``
builds an answer from one snapshot:

- ``query/zones.py``, ``query/buckets.py``: local hours, days, weeks and months
- ``ranges.py``: which table answers for which part of a range
- ``counting.py``: events, users, and the values of a property

``etag.py`` decides whether anything is new; ``query/waiting.py`` implements read-your-writes.
"""
