-- Of the tickets in limbo those that are there for one reason, by age. It is written when a ticket enters or leaves limbo.
-- squawk-ignore require-concurrent-index-creation
create index tickets_limbo_code on tickets (limbo_code, limbo_since, ticket_id) where limbo_since is not null;
