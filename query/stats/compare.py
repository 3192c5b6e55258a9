"""The period to compare a range with: the one before it."""

from datetime import UTC, datetime, time, tzinfo

from query.stats.buckets import day_begin
from query.stats.ranges import Range


def range_before(span: Range, zone: tzinfo) -> Range:
    """The range of the same length that ends where ``span`` begins; as many local days where it is whole local days.

    Raises:
        OverflowError: it would begin before the year 1.
    """
    if all(day_begin(moment, zone) == moment for moment in span):
        first, last = (moment.astimezone(zone).date() for moment in span)
        midnight = datetime.combine(first - (last - first), time(), zone)
        return Range(day_begin(midnight.astimezone(UTC), zone), span.start)
    return Range(span.start - (span.end - span.start), span.start)
