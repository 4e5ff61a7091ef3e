-- Customers of whom nothing personal may be kept: a letter that is settled after their erasure loses its record as well.
create table erased_keys (
    ordering_key text collate "C" primary key,
    erased_at timestamptz not null default now()
);
