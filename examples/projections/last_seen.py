"""When each user was last seen: ``GET /projections/last_seen?user_id=7``."""

from tailrace import Sql


class LastSeen(Sql):
    """The newest event of each user."""

    version = 1
    events = ["*"]
    tables = "create table last_seen (user_id bigint primary key, at timestamptz not null)"
    apply = """
        insert into last_seen select user_id, max(created_at) from batch where user_id is not null group by user_id
        on conflict (user_id) do update set at = greatest(last_seen.at, excluded.at)
    """
