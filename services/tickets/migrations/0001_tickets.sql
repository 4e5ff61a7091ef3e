-- Identifiers compare by their bytes (collate "C"): fast, and the same in every installation.
-- There are no foreign keys: rows are only added, by one transaction that holds the customer's lock, and a check
-- for each row would cost the hot path more than it could find.

-- One row for each customer that was ever heard of: the lock under which all that is the customer's is written.
create table customers (
    customer_id text collate "C" primary key,
    first_name text,
    last_name text,
    -- Version of the details that accounts published; 0 while only purchases have named the customer.
    details_version bigint not null default 0,
    -- Grows with each change of the names, for entity tags of what shows them.
    revision bigint not null default 0
);

create table orders (
    order_id text collate "C" primary key,
    customer_id text collate "C" not null,
    ordered_at timestamptz not null,
    outcome text not null check (outcome in ('completed', 'failed')),
    failure_reason text,
    checkout_id text not null,
    receipt_id text,
    store_id text,
    terminal_id text,
    transaction_id text not null,
    payment_method text not null,
    payment_amount bigint not null,
    currency text not null,
    recorded_at timestamptz not null default now(),
    check ((outcome = 'failed') = (failure_reason is not null))
);

create table tickets (
    ticket_id text collate "C" primary key,
    order_id text collate "C" not null,
    customer_id text collate "C" not null,
    ordered_at timestamptz not null,
    -- Its place in the order, from 0.
    position integer not null,
    lottery text not null,
    draw_number bigint not null,
    draw_at timestamptz not null,
    draw_closes_at timestamptz not null,
    offer_id text not null,
    offer_label text not null,
    price bigint not null,
    autoplay_id text,
    state text collate "C" not null default 'purchased' check (state in (
        'purchased', 'paid', 'cancelling', 'cancelled',
        'limbo_payment_refused', 'limbo_payment_overdue', 'limbo_reversal_refused')),
    -- Grows by one with each change of state; the number of the last row in the timeline.
    version bigint not null default 1,
    limbo_code text,
    limbo_reason text,
    limbo_since timestamptz,
    recorded_at timestamptz not null default now(),
    check ((state like 'limbo%') = (limbo_code is not null and limbo_reason is not null and limbo_since is not null))
) with (fillfactor = 85);
-- The order history in its order; also finds the tickets of an order, whose time and customer are known.
create index tickets_history on tickets (customer_id, ordered_at, order_id, ticket_id);
create index tickets_unpaid on tickets (recorded_at) where state = 'purchased';

create table ticket_timeline (
    customer_id text collate "C" not null,
    ticket_id text collate "C" not null,
    version bigint not null,
    state text collate "C" not null,
    event text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    -- Id of what made it happen: an event, a ledger entry or a cancellation.
    cause text not null,
    actor text not null,
    code text,
    reason text,
    primary key (customer_id, ticket_id, version)
);

create table cancellations (
    customer_id text collate "C" not null,
    cancellation_id text collate "C" not null,
    ticket_id text collate "C" not null,
    order_id text collate "C" not null,
    amount bigint not null,
    currency text not null,
    reason text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    state text not null default 'requested' check (state in ('requested', 'completed', 'refused')),
    settled_at timestamptz,
    -- Of the reversal in the ledger.
    entry_id text,
    refusal_code text,
    refusal_reason text,
    primary key (customer_id, cancellation_id)
);
create index cancellations_ticket on cancellations (ticket_id, requested_at);
-- The status table lets a ticket have one open cancellation; this says so to the database as well.
create unique index cancellations_open on cancellations (ticket_id) where state = 'requested';
