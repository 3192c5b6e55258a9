-- The third part of a cursor is called a fingerprint everywhere.
alter table projection_position rename column mark to fingerprint;
