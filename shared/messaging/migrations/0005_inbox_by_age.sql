-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- Old rows make room for new ones, after which a BRIN index takes every page for one that may hold old rows: who looked
-- for these, each minute, read the whole inbox. This costs an event half a microsecond.
drop index inbox_received_at;
create index inbox_received_at on inbox (received_at);
