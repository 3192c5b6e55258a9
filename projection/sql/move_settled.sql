-- Every event up to $1 is in every count.
update projection_position set settled_seq = $1 where settled_seq < $1
