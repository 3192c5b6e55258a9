"""The read model's tables as numbered SQL files, and the runner that applies them.

``database/`` is applied once per database, ``model/<flavour>/`` once per read model, ``views.sql`` whenever the live
model changes.
"""
