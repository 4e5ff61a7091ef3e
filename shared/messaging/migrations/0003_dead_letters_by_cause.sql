-- Counted, listed and replayed by cause without reading the letters, which hold whole records.
-- squawk-ignore require-concurrent-index-creation
create index dead_letters_cause on dead_letters (state, fingerprint, created_at, id);
-- squawk-ignore require-concurrent-index-deletion
drop index dead_letters_fingerprint;
