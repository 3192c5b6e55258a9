"""``python -m tailrace``."""

from tailrace.ops.cli import main

main()
