-- Takes away the hours that were refreshed, unless more has come since they were read.
delete from late_ranges using unnest($1::timestamptz[], $2::bigint[]) as refreshed (hour, gen)
where late_ranges.hour = refreshed.hour and late_ranges.gen = refreshed.gen
