-- When the first prize on the ticket was paid out; from then on nobody cancels it.
alter table tickets add column paid_out_at timestamptz;

create table prizes (
    customer_id text collate "C" not null,
    prize_id text collate "C" not null,
    ticket_id text collate "C" not null,
    amount bigint not null,
    currency text not null,
    paid_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (customer_id, prize_id)
);

-- The jobs of a draw, which go on when one of its tickets comes late.
-- squawk-ignore require-concurrent-index-creation
create index bulk_cancellations_draw on bulk_cancellations (lottery, draw_number, bulk_id) where kind = 'draw';
