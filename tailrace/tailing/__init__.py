"""``tailrace tail``: the log in a terminal. ``following.py`` gets the frames, ``display.py`` shows them."""
