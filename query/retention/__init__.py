"""``GET /retention``: how many users of a cohort return, from the sets of users; nothing reads single events."""
