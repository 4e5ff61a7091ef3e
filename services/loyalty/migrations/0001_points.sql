-- One row a customer: the lock that every movement of the customer's points takes, and the sums of all of them.
create table point_accounts (
    customer_id text collate "C" primary key,
    balance bigint not null default 0,
    lifetime_earned bigint not null default 0,
    lifetime_clawed_back bigint not null default 0,
    last_seq bigint not null default 0,
    check (balance = lifetime_earned - lifetime_clawed_back)
) with (fillfactor = 70);

-- Every movement, never changed. The unique key makes a fact count once, whatever event ids it comes under.
create table point_entries (
    customer_id text collate "C" not null,
    seq bigint not null,
    id uuid not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    kind text collate "C" not null,
    points bigint not null,
    balance bigint not null,
    order_id text collate "C" not null,
    ticket_id text collate "C" not null,
    store_id text collate "C",
    terminal_id text collate "C",
    payment_transaction_id text collate "C",
    primary key (customer_id, seq),
    unique (customer_id, kind, ticket_id),
    check ((kind = 'earned' and points > 0) or (kind = 'clawed_back' and points < 0))
);
create index point_entries_kind on point_entries (customer_id, kind, seq);
