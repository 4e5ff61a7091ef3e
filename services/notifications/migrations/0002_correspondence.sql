-- What customers are told, one row for each channel. `cause_key` names the fact that calls for it: one fact is told
-- once, under however many event ids it comes. `withheld_reason` says why nothing was sent. `status` is computed from
-- the attempts and reports below by one function in the code and stored for filters.
create table correspondence (
    customer_id text collate "C" not null,
    created_at timestamptz not null,
    id uuid not null,
    cause_key text collate "C" not null,
    channel text collate "C" not null check (channel in ('email')),
    template text collate "C" not null,
    template_version integer not null,
    recipient_name text not null,
    recipient_address text,
    subject text not null,
    withheld_reason text collate "C",
    status text collate "C" not null
        check (status in ('pending', 'delivered', 'soft_bounce', 'hard_bounce', 'unconfirmed', 'not_sent')),
    status_changed_at timestamptz not null,
    primary key (customer_id, created_at, id),
    check (recipient_address is not null or withheld_reason is not null)
) with (fillfactor = 80);
create unique index correspondence_id on correspondence (id);
create unique index correspondence_cause on correspondence (customer_id, cause_key, channel);

-- What a message says, apart from the rows that lists read and statuses change: written once.
create table correspondence_contents (
    customer_id text collate "C" not null,
    message_id uuid not null,
    data jsonb not null,
    html text not null,
    text text not null,
    primary key (customer_id, message_id)
);
