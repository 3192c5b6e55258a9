-- From when to when there are events, to the minute (the last bucket's beginning); one row, nulls where there are none.
select min(bucket) as first_bucket, max(bucket) as last_bucket from public.events_by_minute;
