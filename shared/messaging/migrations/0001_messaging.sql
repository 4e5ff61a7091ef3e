-- How far each partition has been applied. Moved by compare-and-set in the transaction that writes the effects.
create table consumer_offsets (
    consumer text collate "C" not null,
    topic text collate "C" not null,
    partition integer not null,
    next_offset bigint not null,
    updated_at timestamptz not null default now(),
    primary key (consumer, topic, partition)
) with (fillfactor = 50);

-- Events that were taken in, to know a producer's own duplicates. Kept longer than any topic keeps its events.
create table inbox (
    consumer text collate "C" not null,
    source text collate "C" not null,
    event_id text collate "C" not null,
    received_at timestamptz not null default now(),
    primary key (consumer, source, event_id)
);
create index inbox_received_at on inbox using brin (received_at);

-- Events to publish, in the order of `sequence`. The columns follow Debezium's outbox event router.
create table outbox (
    sequence bigint generated always as identity primary key,
    id uuid not null,
    aggregatetype text not null,
    aggregateid text,
    type text not null,
    payload bytea,
    occurred_at timestamptz not null default now(),
    traceparent text,
    headers jsonb
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

-- Events that could not be handled, as they came; the same goes to the topic `<topic>.dead`.
create table dead_letters (
    id uuid primary key,
    consumer text collate "C" not null,
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    ordering_key text,
    event_id text,
    event_source text,
    event_type text,
    code text not null,
    detail text not null,
    fingerprint text not null,
    record_key bytea,
    headers jsonb not null,
    value bytea,
    traceparent text,
    state text not null default 'dead' check (state in ('dead', 'replayed', 'discarded')),
    attempts integer not null default 1,
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    settled_by text,
    settled_note text,
    unique (consumer, topic, partition, record_offset)
);
create index dead_letters_state on dead_letters (state, created_at, id);
create index dead_letters_fingerprint on dead_letters (state, fingerprint);

-- Customers whose later events wait, because an earlier one is a dead letter and order matters.
create table parked_keys (
    consumer text collate "C" not null,
    ordering_key text collate "C" not null,
    dead_letter_id uuid not null,
    parked_at timestamptz not null default now(),
    primary key (consumer, ordering_key)
);

create table parked_events (
    sequence bigint generated always as identity primary key,
    consumer text collate "C" not null,
    ordering_key text collate "C" not null,
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    record_key bytea,
    headers jsonb not null,
    value bytea,
    parked_at timestamptz not null default now()
);
create index parked_events_key on parked_events (consumer, ordering_key, sequence);

-- Events that came before their cause; applied together with it, or handed over as overdue at `expires_at`.
create table waiting_events (
    sequence bigint generated always as identity primary key,
    consumer text collate "C" not null,
    cause text collate "C" not null,
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    record_key bytea,
    headers jsonb not null,
    value bytea,
    waiting_since timestamptz not null default now(),
    expires_at timestamptz
);
create index waiting_events_cause on waiting_events (consumer, cause, sequence);
create index waiting_events_expiry on waiting_events (consumer, expires_at) where expires_at is not null;
