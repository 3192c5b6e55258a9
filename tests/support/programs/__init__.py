"""A program's upcasters through three releases of it: the first fails on some events, the second is mended, and the
third has a new shape.
"""

FIRST, MENDED, NEXT = range(3)
UPCASTERS = ("tests.support.programs.first", "tests.support.programs.mended", "tests.support.programs.next")
"""What the setting ``upcasters`` names, for each."""
