-- The state of the ticket when its cancellation was requested; not known of those from before this migration.
alter table cancellations add column ticket_was text collate "C";
