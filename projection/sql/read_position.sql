-- Up to where this model has seen the log.
select epoch, seq, mark from projection_position
