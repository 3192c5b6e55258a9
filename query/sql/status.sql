-- Where the projection is, and how many entries it has parked.
select epoch, seq, fingerprint, (select count(*) from public.parked_events) as parked from public.projection_position;
