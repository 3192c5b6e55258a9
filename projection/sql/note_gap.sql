-- Notes that the model has passed a recorded gap of the log, and so has nothing of entries $1 to $2.
insert into log_gaps (first_seq, last_seq)
values ($1, $2)
