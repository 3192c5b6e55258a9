"""The upcasters of three releases: the first fails on some events, the second fixes that, the third has a new shape."""

FIRST, FIXED, NEXT = range(3)
UPCASTERS = (
    "tests.support.accounting.releases.first",
    "tests.support.accounting.releases.fixed",
    "tests.support.accounting.releases.next",
)
"""The values of the setting ``upcasters``, by release."""
