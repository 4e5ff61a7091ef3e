-- One account for each customer. Its row is the lock of the customer in this service; it may exist before any
-- detail of the customer is known. The first booked movement fixes the currency.
create table accounts (
    customer_id text collate "C" primary key,
    currency text,
    balance bigint not null default 0 check (balance >= 0),
    last_seq bigint not null default 0,
    opened_at timestamptz not null default now()
) with (fillfactor = 70);

-- What moved money or was to move it, in the order of booking. `balance` is the running balance after the entry;
-- only booked entries change it. Amounts are minor units of `currency`.
create table ledger_entries (
    customer_id text collate "C" not null,
    seq bigint not null,
    entry_id uuid not null,
    occurred_at timestamptz not null,  -- when its cause happened
    recorded_at timestamptz not null,  -- when it was booked here
    kind text not null check (kind in ('deposit', 'purchase', 'reversal', 'withdrawal', 'adjustment')),
    status text not null check (status in ('booked', 'refused', 'failed')),
    method text,  -- how money came or went: card, bank_transfer, cash, balance, admin, cheque
    amount_in bigint not null check (amount_in >= 0),
    amount_out bigint not null check (amount_out >= 0),
    currency text not null,
    balance bigint not null,
    cause_kind text not null check (cause_kind in ('order', 'cancellation', 'withdrawal', 'adjustment')),
    cause_id text collate "C" not null,
    order_id text collate "C",
    ticket_id text collate "C",
    actor text,
    code text,  -- of a refusal
    reason text,
    description text not null,  -- the customer reads it
    internal_note text,
    primary key (customer_id, seq),
    check (amount_in = 0 or amount_out = 0)
);

-- The business key: nothing is entered twice, under whatever event id it comes. An attempt that failed elsewhere
-- may be followed by a success under the same id.
create unique index ledger_entries_cause
    on ledger_entries (customer_id, cause_id, kind, cause_kind, (status = 'failed'));
-- A ticket is credited back once, under whatever cancellation.
create unique index ledger_entries_reversed_ticket on ledger_entries (customer_id, ticket_id)
    where kind = 'reversal' and status = 'booked';
-- Filters of the history that match few entries; the common kinds are found along the primary key.
create index ledger_entries_rare_kinds on ledger_entries (customer_id, kind, seq)
    where kind in ('reversal', 'withdrawal', 'adjustment');
create index ledger_entries_not_booked on ledger_entries (customer_id, status, seq)
    where status <> 'booked';

-- What became of the payment of an order, and how much of it went back.
create table charges (
    customer_id text collate "C" not null,
    order_id text collate "C" not null,
    charged boolean not null,  -- false: refused
    amount bigint not null,
    currency text not null,
    reversed_amount bigint not null default 0 check (reversed_amount between 0 and amount),
    primary key (customer_id, order_id)
) with (fillfactor = 90);
