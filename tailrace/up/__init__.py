"""``tailrace up``: runs servers and services as child processes and shows their state."""
