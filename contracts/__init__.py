"""Types that cross a boundary: events, log entries, cursors, subjects and errors. This package does no I/O."""
