"""``/ws`` and ``/sse``: the log from any position, then live.

``tail.py`` follows the end of the log into ``ring.py``, which all clients share; ``catchup.py`` reads older entries
for one client. ``stream.py`` returns the frames of one client; ``states.py`` decides where they come from.
``encoding.py`` encodes log entries, ``frames.py`` everything that is sent, and ``requests.py`` parses everything that
clients send. ``sending.py`` carries frames over ``websocket.py`` or ``sse.py``.
"""
