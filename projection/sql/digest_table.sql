-- The number of rows, and the sums of two hashes of each row's text, as hexadecimal digits.
select
    count(*),
    encode(int8send((coalesce(sum(hashtextextended(one::text, 0)::numeric), 0) % 9223372036854775807)::bigint), 'hex')
    || encode(int8send((coalesce(sum(hashtextextended(one::text, 1)::numeric), 0) % 9223372036854775807)::bigint), 'hex')
from (select {columns} from {table}) as one
