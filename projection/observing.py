"""Who hears of a projector's work on a model."""

from contracts.cursors import Cursor
from projection.batch import Batch
from projection.store import Committed


class Observer:
    """Hears of the work on one model; by itself it does nothing with it."""

    def standing_by(self) -> None:
        """Another projector is active."""

    def active(self) -> None:
        """This one is."""

    def at(self, position: Cursor) -> None:
        """Where the model is: at the start, and after each batch."""

    def committed(self, batch: Batch, done: Committed, began: int, ended: int) -> None:
        """A batch is in the model; its transaction took from ``began`` to ``ended`` (ns since 1970)."""

    def ended(self) -> None:
        """The work has ended, for good or until it is begun again."""
