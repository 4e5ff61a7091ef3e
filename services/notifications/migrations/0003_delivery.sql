-- Messages that are still to be sent. A worker claims one for a while (`lease_until`) under its `token`; the pair of
-- token and attempt fences it off from workers whose lease ran out. `handing_over` is committed before the server is
-- given the content: from then on only the server's answer allows another attempt. Rows leave when it is all over.
create table outgoing (
    customer_id text collate "C" not null,
    message_id uuid not null,
    phase text collate "C" not null default 'queued' check (phase in ('queued', 'claimed', 'handing_over')),
    due_at timestamptz not null,
    attempt integer not null default 0,
    token uuid,
    lease_until timestamptz,
    started_at timestamptz,
    handed_over_at timestamptz,
    primary key (customer_id, message_id),
    check ((phase = 'queued') = (token is null)),
    check ((phase = 'queued') = (lease_until is null)),
    check ((phase = 'handing_over') = (handed_over_at is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);
create index outgoing_due on outgoing (due_at) where phase = 'queued';
create index outgoing_lease on outgoing (lease_until) where phase <> 'queued';

-- Every attempt that is over, and how it ended. Only `unconfirmed` may give way to what the server said later.
create table delivery_attempts (
    customer_id text collate "C" not null,
    message_id uuid not null,
    attempt integer not null,
    started_at timestamptz not null,
    handed_over_at timestamptz,
    ended_at timestamptz not null,
    outcome text collate "C" not null
        check (outcome in ('accepted', 'deferred', 'refused', 'given_up', 'abandoned', 'unconfirmed')),
    status_code text,
    diagnostic text,
    primary key (customer_id, message_id, attempt)
);

-- Every report of a provider. The key is what a report says, since providers repeat one under new event ids.
create table delivery_reports (
    customer_id text collate "C" not null,
    message_id uuid not null,
    state text collate "C" not null
        check (state in ('accepted', 'delivered', 'deferred', 'soft_bounce', 'hard_bounce', 'complaint')),
    occurred_at timestamptz not null,
    provider text not null,
    recipient_address text not null default '',
    status_code text,
    diagnostic text,
    event_source text not null,
    event_id text not null,
    received_at timestamptz not null default now(),
    primary key (customer_id, message_id, state, occurred_at, provider, recipient_address)
);
