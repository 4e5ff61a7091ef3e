-- What people changed: written in the transaction of the change, never changed itself.
create table audit_entries (
    id uuid primary key,  -- version 7: in the order of time
    at timestamptz not null,  -- the time in the id
    actor text collate "C" not null,
    role text collate "C" not null,
    action text collate "C" not null,
    object_kind text collate "C" not null,
    object_id text collate "C" not null,
    customer_id text collate "C",
    before jsonb not null,  -- only the fields that the action changed
    after jsonb not null,
    personal_fields text[] not null default '{}',  -- those whose values are in audit_personal
    reason text,
    request_id text not null
);
create index audit_entries_actor on audit_entries (actor, id);
create index audit_entries_action on audit_entries (action, id);
create index audit_entries_object on audit_entries (object_kind, object_id, id);
create index audit_entries_customer on audit_entries (customer_id, id) where customer_id is not null;

-- The values of personal fields, apart, so that the entry may stay when they must go.
create table audit_personal (
    entry_id uuid primary key,
    customer_id text collate "C" not null,
    before jsonb not null,
    after jsonb not null
);
create index audit_personal_customer on audit_personal (customer_id);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    raise exception '% only takes new rows', tg_table_name using errcode = 'restrict_violation';
end $$;

create function refuse_audit_erasure() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from audit_entries where customer_id = old.customer_id and action = 'customers.erase') then
        raise exception 'no erasure of customer % is on record', old.customer_id using errcode = 'restrict_violation';
    end if;
    return old;
end $$;

create trigger audit_entries_append_only before update or delete or truncate on audit_entries
    for each statement execute function refuse_audit_change();
create trigger audit_personal_append_only before update or truncate on audit_personal
    for each statement execute function refuse_audit_change();
create trigger audit_personal_erasure before delete on audit_personal
    for each row execute function refuse_audit_erasure();
-- The service's role owns the tables here. Also a session that acts as a replica may not get round this.
alter table audit_entries enable always trigger audit_entries_append_only;
alter table audit_personal enable always trigger audit_personal_append_only;
alter table audit_personal enable always trigger audit_personal_erasure;

-- Until now the actions of operators on dead letters had a table of their own.
insert into audit_entries (id, at, actor, role, action, object_kind, object_id, before, after, reason, request_id)
    select id, at, actor, role, 'dead_letters.' || action, 'dead_letter', object, before, after, reason, request_id
    from operator_actions;
