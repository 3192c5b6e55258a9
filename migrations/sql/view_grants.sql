-- The grants on the view $1 in public, as statements that give them again.
select format(
    'grant %s on public.%I to %s%s',
    privilege_type,
    relname,
    case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
    case when is_grantable then ' with grant option' else '' end
) as statement
from pg_class, aclexplode(relacl)
where oid = to_regclass(format('public.%I', $1::text)) and grantee <> relowner
