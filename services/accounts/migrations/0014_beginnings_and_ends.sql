-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- A process from before this finds ids and numbers slowly from here on.

-- Ids are found by how they begin as well. To keep an id costs 2 microseconds more in this index than in the hash
-- index, and a half more of space.
drop index identifiers_value;
create index identifiers_value on identifiers (lower(value));

-- Numbers are found by any of their last digits: those that all ways to write a number share, from the last one on.
drop index customers_phone_end;
create index customers_phone_backwards on customers (reverse(right(phone_key, 7)), customer_id)
    where phone_key is not null;
