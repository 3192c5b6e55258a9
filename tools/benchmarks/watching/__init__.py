"""Clients of ``/ws`` in processes of their own, the events they wait for, and a service to compare with.

``sockets.py`` is a client that costs little, ``watchers.py`` the process that holds many, ``pulse.py`` the producer
whose events carry when they were published, ``naive_peer.py`` the fan-out of most tutorials, ``messages.py`` what these
are told and what they print. ``running.py`` starts them.
"""
