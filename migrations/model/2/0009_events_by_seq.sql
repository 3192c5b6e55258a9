-- Rows come in the order of seq, except within a batch: summaries of ranges of pages find one in little more than the time
-- of a B-tree, in a thousandth of its size, and cost next to nothing per row.
drop index analytics_events_by_seq;
create index analytics_events_by_seq on analytics_events using brin (seq) with (pages_per_range = 64, autosummarize = on);
