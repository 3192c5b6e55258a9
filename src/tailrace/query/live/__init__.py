"""The log, live: one tail per process feeds a ring, and each client is a cursor into it.

``places.py`` says where a client can begin, ``tail.py`` reads the log's end into the ``ring.py``, ``stream.py`` turns a
client's cursor into ``frames.py``, ``websocket.py`` carries them.
"""
