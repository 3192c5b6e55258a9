"""``tailrace verify``: counts the log again, with none of the projector's code, and compares every table with it.

``recount`` reads the log, ``tables`` reads the read model in one snapshot, ``receipt`` is the result.
"""
