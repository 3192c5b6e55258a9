"""The page at ``/``: a few files, served from the package, that need nothing from elsewhere."""
