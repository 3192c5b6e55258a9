"""What a benchmark is at, on stderr: figures go to stdout."""

import time

import typer

INTERVAL = 5.0


class Progress:
    """Says what begins, and every few seconds how far it is."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()

    def say(self, what: str) -> None:
        """Says a sentence, with the seconds since the benchmark began."""
        self._said = time.monotonic()
        typer.echo(f"{self._said - self._started:6.1f} s  {what}", err=True)

    def tell(self, what: str, done: int, of: int) -> None:
        """Says how far something is, if nothing was said for a while."""
        if time.monotonic() - self._said >= INTERVAL:
            self.say(f"{what} {done:,} of {of:,}")
