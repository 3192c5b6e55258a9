-- Up to where this model has seen the log.
select epoch, seq, fingerprint from projection_position
