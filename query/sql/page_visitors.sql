-- The stored visitors of pages with the keys $3 in the UTC days [$1, $2).
select key, members from public.pages_members
where level = 'day' and key = any ($3::bytea[]) and bucket >= $1 and bucket < $2;
