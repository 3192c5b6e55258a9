-- Takes away the late events that were refreshed ($2 of the hours $1). What has come since they were read stays pending:
-- while late events keep coming, an hour would otherwise never be forgotten.
update late_ranges set events = late_ranges.events - refreshed.events
from unnest($1::timestamptz[], $2::bigint[]) as refreshed (hour, events)
where late_ranges.hour = refreshed.hour
