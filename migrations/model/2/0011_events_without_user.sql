-- An event may be without a user.
alter table analytics_events alter column user_id drop not null;
