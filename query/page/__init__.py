"""The page at ``/``. Its sources are in ``page/`` at the top of the repository, their build is in ``static/``."""
