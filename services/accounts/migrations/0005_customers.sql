-- Why the customer has its status; since when nothing personal is kept of it; into whom it was merged.
alter table customers
    add column status_reason text,
    add column erased_at timestamptz,
    add column merged_into text collate "C",
    add constraint customers_merged_into_another check (merged_into <> customer_id) not valid;
-- squawk-ignore require-concurrent-index-creation
create index customers_merged_into on customers (merged_into, customer_id) where merged_into is not null;
