-- One timeline of each customer over all services. The customer need not be known yet: an activity may be the first that
-- is heard of one. `reference` is the id of what the row speaks of (an order, a login, a message).
--
-- One index serves all: a fact is the same by kind, time and reference, and each kind is a range in the order of time.
-- A timeline of several kinds merges their ranges, so that its cost depends on neither depth nor length.
create table activities (
    customer_id text collate "C" not null,
    kind text collate "C" not null,
    occurred_at timestamptz not null,
    reference text collate "C" not null,
    details jsonb not null,
    primary key (customer_id, kind, occurred_at, reference)
);

-- What other systems report has ids of its own, unique whatever time comes with them. Not for the hot kinds.
create unique index activities_own_id on activities (customer_id, kind, reference)
    where kind in ('login_succeeded', 'login_failed', 'visit_made', 'checkout_completed', 'feedback_left');

-- The cart after the change with the latest time; of two at one moment the greater change id.
create table carts (
    customer_id text collate "C" primary key,
    changed_at timestamptz not null,
    change_id text collate "C" not null,
    channel text,
    currency text not null,
    tickets jsonb not null
) with (fillfactor = 70);
