"""``tailrace up``: the whole system as child processes of one, watched, started again, stopped in order."""
