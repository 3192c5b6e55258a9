"""The read side: answers questions from the read model, and streams the log live.

``stats/`` is ``GET /stats``, ``live/`` is ``/ws``, ``page/`` the page at ``/``, ``sql/`` the named queries;
``service.py`` puts them together.
"""
