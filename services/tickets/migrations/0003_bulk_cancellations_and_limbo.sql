-- The tickets of a draw. Few different values, so that its entries are small.
-- squawk-ignore require-concurrent-index-creation
create index tickets_draw on tickets (lottery, draw_number);
-- What waits for an agent, by age.
-- squawk-ignore require-concurrent-index-creation
create index tickets_limbo on tickets (limbo_since, ticket_id) where limbo_since is not null;

-- A payment that is asked for again has its time again.
alter table tickets add column payment_asked_at timestamptz not null default now();
-- squawk-ignore require-concurrent-index-deletion
drop index tickets_unpaid;
-- squawk-ignore require-concurrent-index-creation
create index tickets_unpaid on tickets (payment_asked_at) where state = 'purchased';

-- Many tickets cancelled at once: all of an order, or of a draw.
create table bulk_cancellations (
    bulk_id text collate "C" primary key,
    kind text not null check (kind in ('order', 'draw')),
    order_id text collate "C",
    lottery text collate "C",
    draw_number bigint,
    reason text not null,
    requested_by text not null,
    requested_at timestamptz not null default now(),
    -- collecting: its tickets are not all known; cancelling: some are to be asked for; settling: accounts still has some
    state text not null default 'collecting' check (state in ('collecting', 'cancelling', 'settling', 'completed')),
    -- As of the last look at what accounts has answered.
    refunded bigint not null default 0,
    refused_by_accounts bigint not null default 0,
    finished_at timestamptz,
    check ((kind = 'order') = (order_id is not null)),
    check ((kind = 'draw') = (lottery is not null and draw_number is not null))
);
create index bulk_cancellations_running on bulk_cancellations (bulk_id) where state <> 'completed';

-- Its work, in pieces of some hundred tickets in the order of their customers. A piece is done in one transaction.
create table bulk_chunks (
    bulk_id text collate "C" not null,
    number integer not null,
    tickets text[] not null,
    done boolean not null default false,
    accepted integer not null default 0,
    -- How many were refused, by code.
    refused jsonb not null default '{}',
    primary key (bulk_id, number)
);
create index bulk_chunks_to_do on bulk_chunks (bulk_id, number) where not done;

create table bulk_refusals (
    bulk_id text collate "C" not null,
    customer_id text collate "C" not null,
    ticket_id text collate "C" not null,
    code text not null,
    detail text not null,
    refused_at timestamptz not null default now(),
    primary key (bulk_id, customer_id, ticket_id)
);

alter table cancellations add column bulk_id text collate "C";
-- Each empties, or is small: what of a bulk cancellation accounts has not answered yet, and what it refused.
-- squawk-ignore require-concurrent-index-creation
create index cancellations_bulk on cancellations (bulk_id, state) where bulk_id is not null and state <> 'completed';
