-- What the team writes down about a customer, as it is now. A deleted note stays, but nobody is shown it any more.
-- Ids grow with time: the order of the key is that of writing.
create table notes (
    customer_id text collate "C" not null,
    note_id uuid not null,
    author text not null,
    kind text not null check (kind in ('complaint', 'query', 'reminder', 'other')),
    text text not null,
    due_at timestamptz,
    done_at timestamptz,
    version bigint not null,
    created_at timestamptz not null,
    changed_at timestamptz not null,
    deleted_at timestamptz,
    primary key (customer_id, note_id),
    check ((kind = 'reminder') = (due_at is not null)),
    check (done_at is null or kind = 'reminder')
);

-- For the list over all customers of what is to be done.
create index notes_open_reminders on notes (due_at, note_id)
    where kind = 'reminder' and done_at is null and deleted_at is null;

-- Each version that a note ever had, the present one too.
create table note_versions (
    customer_id text collate "C" not null,
    note_id uuid not null,
    version bigint not null,
    kind text not null,
    text text not null,
    due_at timestamptz,
    done_at timestamptz,
    changed_at timestamptz not null,
    primary key (customer_id, note_id, version)
);
