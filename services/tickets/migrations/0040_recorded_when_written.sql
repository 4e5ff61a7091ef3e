-- What waited for a lock was recorded, by the begin of its transaction, before it happened.
alter table ticket_timeline alter column recorded_at set default clock_timestamp();
alter table autoplay_timeline alter column recorded_at set default clock_timestamp();
