-- Customers as this service knows them. `email_key` and `phone_key` are the normalised forms that lookups compare.
create table customers (
    customer_id text collate "C" primary key,
    version bigint not null,  -- of CustomerChanged
    first_name text not null,
    last_name text not null,
    email text,
    email_key text collate "C",
    phone text,
    phone_key text collate "C",
    language text,
    time_zone text,
    status text not null check (status in ('active', 'suspended', 'closed')),
    edited_fields text[] not null default '{}',  -- set by an agent: purchases never fill them in
    created_at timestamptz not null,
    changed_at timestamptz not null
) with (fillfactor = 90);

-- Not unique: two people may buy under one address. Registration refuses duplicates under a lock instead.
create index customers_email_key on customers (email_key, customer_id) where email_key is not null;
create index customers_phone_key on customers (phone_key, customer_id) where phone_key is not null;
