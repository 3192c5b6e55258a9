"""``GET /stats``: how many events and users, in a range or altogether, per type and per bucket of time.

``ranges.py`` says which tables answer for which stretch of time, ``answer.py`` reads one snapshot, ``waiting.py`` gives
read-your-writes, ``lag.py`` compares with the log, ``models.py`` is the shape, ``routes.py`` the HTTP side.
"""
