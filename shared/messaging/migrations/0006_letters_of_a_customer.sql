-- squawk-ignore-file require-concurrent-index-creation
-- Whoever settles a letter looks for what is parked behind it, and an erasure for the letters of its customer: among all.
-- Both are written with dead letters alone.
create index parked_keys_dead_letter on parked_keys (dead_letter_id);
create index dead_letters_ordering_key on dead_letters (ordering_key) where ordering_key is not null;
