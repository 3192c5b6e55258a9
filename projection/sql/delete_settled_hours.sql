-- Hours without a late event wait for nothing.
delete from late_ranges where events = 0
