-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- Old rows make room for new ones, after which a BRIN index takes every page for one that may hold old rows.
drop index idempotency_keys_created_at;
create index idempotency_keys_created_at on idempotency_keys (created_at);
