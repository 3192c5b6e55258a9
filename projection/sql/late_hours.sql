-- Hours that wait for a refresh, with the late events that a refresh from now on has in its snapshot.
select hour, events from late_ranges order by hour
