"""The read models' tables as numbered SQL files, the runner that applies them, and the catalogue of models.

``database/`` is applied once per database, ``model/<generation>/`` once per read model, its ``views.sql`` when a model
becomes the live one.
"""
