-- The parts of the ranges of duplicates that lie between the entries $1 and $2 (inclusive).
select greatest(first_seq, $1), least(last_seq, $2)
from duplicates
where first_seq <= $2 and last_seq >= $1
