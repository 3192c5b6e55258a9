"""What crosses a boundary: events, subjects, cursors, frames and errors. No input or output here."""
