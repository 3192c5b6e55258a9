"""``python -m tailrace``."""

from tailrace.cli.main import main

main()
