-- Answers by Idempotency-Key: written in the transaction of the effect they report, replayed to a repeated request.
create table idempotency_keys (
    scope        text        not null,  -- who asked for what: subject of the token and operation
    key          text        not null,
    request_hash bytea       not null,  -- SHA-256 of path, query and body
    status       smallint    not null,
    headers      jsonb       not null,
    body         bytea       not null,
    created_at   timestamptz not null default now(),
    primary key (scope, key)
);

-- Rows only leave by age, and they arrive in order of it.
create index idempotency_keys_created_at on idempotency_keys using brin (created_at);
