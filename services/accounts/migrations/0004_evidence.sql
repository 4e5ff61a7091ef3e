-- squawk-ignore-file require-concurrent-index-creation
-- Seals: the last hashes of the customers whose ledgers grew, a batch at a time. `root` is the SHA-256 of the heads in
-- it, `hash` covers the root and the hash of the seal before (services/accounts/evidence/seals.py).
create table ledger_seals (
    seal bigint primary key,
    sealed_at timestamptz not null,
    customer_ids text[] not null,
    seqs bigint[] not null,
    hashes bytea[] not null,
    root bytea not null,
    hash bytea not null
);
-- Hashes do not compress.
alter table ledger_seals alter column hashes set storage external;

-- How far sealing is: first through all accounts by their ids, then along the times of booking.
create table ledger_sealing (
    is_only boolean primary key default true check (is_only),
    swept_to text collate "C" not null default '',
    is_swept boolean not null default false,
    sealed_to timestamptz not null default now()
);
insert into ledger_sealing default values;

-- Reconciliation: what tickets says it cancelled, to be compared with what was credited back here.
create table cancelled_tickets (
    customer_id text collate "C" not null,
    cancellation_id text collate "C" not null,
    ticket_id text collate "C" not null,
    order_id text collate "C" not null,
    amount bigint not null,
    currency text not null,
    cancelled_at timestamptz not null,
    received_at timestamptz not null,
    primary key (customer_id, cancellation_id)
);
create index cancelled_tickets_received_at on cancelled_tickets using brin (received_at) with (pages_per_range = 32);
create index ledger_entries_reversed_at on ledger_entries (recorded_at) where kind = 'reversal' and status = 'booked';

create table reconciliation_differences (
    customer_id text collate "C" not null,
    cancellation_id text collate "C" not null,
    ticket_id text collate "C" not null,
    order_id text collate "C" not null,
    cancelled_amount bigint,  -- null: tickets never said that it was cancelled
    cancelled_currency text,
    reversed_amount bigint,  -- null: nothing was credited back
    reversed_currency text,
    found_at timestamptz not null default now(),
    resolved_at timestamptz,
    primary key (customer_id, cancellation_id)
);
create index reconciliation_differences_open on reconciliation_differences (found_at, customer_id, cancellation_id)
    where resolved_at is null;
create index reconciliation_differences_resolved on reconciliation_differences (found_at, customer_id, cancellation_id)
    where resolved_at is not null;

create table reconciliation_progress (
    is_only boolean primary key default true check (is_only),
    compared_to timestamptz not null default now()
);
insert into reconciliation_progress default values;
