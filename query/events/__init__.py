"""``GET /events``: single events of the read model, newest first, page by page; ``/events/{event_id}``: where one is.

``listing.py`` reads one page from one snapshot: what is recent it looks at, and what is rare ``locating.py`` finds
without reading the rest; ``paging.py`` says where a page begins, ``cursors.py`` gives each event its place in the log.
``tracing.py`` looks for one event, in the read model and (``searching.py``) in the log behind it. ``models.py`` is the
shape, ``routes.py`` the HTTP side.
"""
