"""A program's upcasters through three releases of it: the first fails on some events, the second is mended, and the
third has a new shape.
"""

FIRST, FIXED, NEXT = range(3)
UPCASTERS = (
    "tests.support.accounting.releases.first",
    "tests.support.accounting.releases.fixed",
    "tests.support.accounting.releases.next",
)
"""What the setting ``upcasters`` names, for each."""
