"""The log, live and again: one tail per process feeds a ring, and each client is a cursor into it, or into the log.

``requests.py`` is what clients ask for and say, ``places.py`` where a stream can begin and end, ``selection.py`` which
events are wanted, ``pacing.py`` when. ``tail.py`` reads the log's end into the ``ring.py``, ``history.py`` what is
behind it; ``stream.py`` makes ``frames.py`` of both for one client. ``sending.py`` carries them to whoever is
connected, over ``websocket.py`` or ``sse.py``. ``documents/`` describes all of it.
"""
