"""The read side: queries the read model, and streams the log.

``stats/`` is ``GET /stats``, ``events/`` is ``GET /events``, ``live/`` is ``/ws`` and ``/sse``, ``page/`` the page at
``/``, ``sql/`` the named queries. ``parameters.py`` and ``errors.py`` are shared; ``app.py`` and ``service.py`` compose
the parts.
"""
