"""``GET /events``: single events, newest first, page by page; ``GET /events/{event_id}``: the place of an event.

``listing.py`` reads one page from one snapshot. It scans the newest events; for rare ones ``windows.py`` finds the
hours and minutes that contain them. ``page_token.py`` encodes where a page starts, ``log_entries.py`` completes the
cursors from the log. ``lookup.py`` finds one event in the read model, or (``log_search.py``) in the log after it.
``models.py`` has the shapes, ``routes.py`` the HTTP side.
"""
