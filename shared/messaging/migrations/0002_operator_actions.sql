-- Set while the letter of a key is being settled, until that transaction knows whether the key is parked anew.
alter table parked_keys add column is_open boolean not null default false;

-- What operators did to dead letters. Rows are added and never changed.
create table operator_actions (
    id uuid primary key,
    at timestamptz not null default now(),
    actor text not null,
    role text not null,
    action text not null,
    object text not null,
    before jsonb not null,
    after jsonb not null,
    reason text not null,
    request_id text not null
);
create index operator_actions_at on operator_actions (at, id);
create index operator_actions_object on operator_actions (object, at, id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% only takes new rows', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger operator_actions_append_only before update or delete or truncate on operator_actions
    for each statement execute function refuse_change();
