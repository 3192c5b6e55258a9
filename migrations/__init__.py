"""The read models' tables as numbered SQL files, the runner that applies them, and the catalogue of models.

``database/`` is applied once per database, ``model/`` once per read model, ``views.sql`` when the live model changes.
"""
