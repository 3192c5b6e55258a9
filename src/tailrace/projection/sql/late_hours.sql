-- Hours that wait for a refresh, with their generation.
select hour, gen from late_ranges order by hour
