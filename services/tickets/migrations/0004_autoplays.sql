-- What accounts says of a customer and AutoPlay goes by.
alter table customers add column time_zone text, add column status text;

create table autoplays (
    customer_id text collate "C" not null,
    autoplay_id text collate "C" not null,
    state text collate "C" not null check (state in ('active', 'retrying', 'paused', 'payment_failed', 'cancelled')),
    -- The number of the last entry in the timeline.
    version bigint not null,
    lottery text collate "C" not null,
    offer_id text collate "C" not null,
    games integer not null check (games > 0),
    cadence text not null check (cadence in ('every_draw', 'weekdays', 'every_nth', 'monthly')),
    weekdays text not null,
    every integer not null check (every > 0),
    first_draw_number bigint,
    day_of_month integer not null check (day_of_month between 1 and 31),
    payment_method text not null check (payment_method in ('balance', 'card')),
    spending_limit bigint check (spending_limit >= 0),
    -- The customer's counts when there is none.
    time_zone text,
    created_at timestamptz not null,
    -- Draws that closed before are none of its own.
    running_since timestamptz not null,
    resume_at timestamptz,
    code text,
    reason text,
    -- It began to run, or changed: draws that others of the lottery have met already may be its own.
    recheck boolean not null default true,
    primary key (customer_id, autoplay_id)
);
create unique index autoplays_id on autoplays (autoplay_id);
create index autoplays_running on autoplays (lottery, customer_id, autoplay_id) where state in ('active', 'retrying');
create index autoplays_recheck on autoplays (customer_id, autoplay_id) where recheck;
create index autoplays_resume on autoplays (resume_at) where state = 'paused' and resume_at is not null;

create table autoplay_timeline (
    customer_id text collate "C" not null,
    autoplay_id text collate "C" not null,
    version bigint not null,
    state text collate "C" not null,
    event text not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    actor text not null,
    code text,
    reason text,
    draw_number bigint,
    order_id text collate "C",
    primary key (customer_id, autoplay_id, version)
);

-- One row for each draw that an AutoPlay played, missed or skipped. The transaction that buys inserts it, so that a
-- draw is bought by one process, once.
create table autoplay_runs (
    customer_id text collate "C" not null,
    autoplay_id text collate "C" not null,
    draw_number bigint not null,
    lottery text collate "C" not null,
    draw_at timestamptz not null,
    closes_at timestamptz not null,
    state text collate "C" not null check (state in ('pending', 'retrying', 'paid', 'failed', 'missed', 'skipped')),
    -- Of the last attempt, or when it was decided that there is none.
    at timestamptz not null,
    attempts integer not null,
    order_id text collate "C",
    cost bigint not null,
    currency text,
    next_attempt_at timestamptz,
    code text,
    reason text,
    primary key (customer_id, autoplay_id, draw_number),
    check ((state = 'retrying') = (next_attempt_at is not null))
);
create index autoplay_runs_time on autoplay_runs (customer_id, autoplay_id, at);
create index autoplay_runs_retrying on autoplay_runs (next_attempt_at) where state = 'retrying';

-- The orders of the runs, and what accounts made of each.
create table autoplay_attempts (
    customer_id text collate "C" not null,
    order_id text collate "C" not null,
    autoplay_id text collate "C" not null,
    draw_number bigint not null,
    attempt integer not null,
    ordered_at timestamptz not null,
    outcome text check (outcome in ('paid', 'refused')),
    primary key (customer_id, order_id)
);

-- How far the runner has come with the AutoPlays of a draw's lottery; one process at a time holds the row.
create table autoplay_draws (
    lottery text collate "C" not null,
    draw_number bigint not null,
    after_customer_id text collate "C" not null default '',
    after_autoplay_id text collate "C" not null default '',
    finished_at timestamptz,
    primary key (lottery, draw_number)
);
