"""The page at ``/``: what ``page/`` at the project's root is built into, ``static/``. Nothing comes from elsewhere."""
