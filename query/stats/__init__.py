"""``GET /stats``: how many events and users, in a range or altogether, per type and per bucket of time.

What is asked is in ``question.py``, the shape of the answer in ``models.py``, the HTTP side in ``routes.py``.
``answer.py`` puts an answer together from one snapshot:

- ``event_types.py``: which types the patterns mean
- ``zones.py``, ``buckets.py``: local hours and days; ``ranges.py``: which table answers for which stretch of time
- ``counting.py``: events and users; ``top.py``: values of a property; ``compare.py``: the period before

``etag.py`` tells whether there is anything new, ``waiting.py`` gives read-your-writes, ``lag.py`` compares with the
log.
"""
