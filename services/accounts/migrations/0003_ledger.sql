-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid, require-concurrent-index-creation
-- squawk-ignore-file adding-not-nullable-field
-- Accounts must be stopped while this runs: an older process would write lines that no chain holds together.

-- Withdrawals that wait for a second person. The first one's request is a line with the status `pending` under the cause
-- kind `hold`; the decision is a line of its own under the cause kind `withdrawal` and the same id, so there is only one.
alter table ledger_entries
    drop constraint ledger_entries_status_check,
    drop constraint ledger_entries_cause_kind_check,
    add constraint ledger_entries_status_check
        check (status in ('booked', 'refused', 'failed', 'pending')),
    add constraint ledger_entries_cause_kind_check
        check (cause_kind in ('order', 'cancellation', 'withdrawal', 'adjustment', 'hold'));

alter table accounts
    add column held bigint not null default 0,  -- the part of the balance that pending withdrawals hold
    add constraint accounts_held_check check (held between 0 and balance);

create table held_withdrawals (
    customer_id text collate "C" not null,
    withdrawal_id uuid not null,
    pending_seq bigint not null,
    amount bigint not null check (amount > 0),
    currency text not null,
    method text not null,
    description text not null,
    internal_note text,
    requested_by text not null,
    requested_at timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'approved', 'rejected')),
    decided_by text,
    decided_at timestamptz,
    decision_reason text,
    settled_seq bigint,
    primary key (customer_id, withdrawal_id),
    check (decided_by <> requested_by)
);
create index held_withdrawals_state on held_withdrawals (state, withdrawal_id);
create index held_withdrawals_pending on held_withdrawals (customer_id, pending_seq) where state = 'pending';

-- The lines of an order are found by cause, but for its reversals; those of a ticket are reversals.
create index ledger_entries_order_reversals on ledger_entries (customer_id, order_id, seq) where kind = 'reversal';
create index ledger_entries_ticket on ledger_entries (customer_id, ticket_id, seq) where ticket_id is not null;

-- Tamper evidence: each line's hash is the SHA-256 of the hash of the customer's line before it (nothing, before the
-- first) and of the line's content as services/accounts/ledger/chain.py writes it. `head` is the hash of the last line.
alter table accounts add column head bytea not null default '';
alter table ledger_entries add column hash bytea;

do $$
declare
    line record;
    owner text := null;
    last_hash bytea;
begin
    for line in
        select customer_id, seq, '[' || concat_ws(',',
            to_json(customer_id), seq, to_json(entry_id::text),
            (extract(epoch from occurred_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint,
            to_json(kind), to_json(status), coalesce(to_json(method)::text, 'null'), amount_in, amount_out,
            to_json(currency), balance, to_json(cause_kind), to_json(cause_id),
            coalesce(to_json(order_id)::text, 'null'), coalesce(to_json(ticket_id)::text, 'null'),
            coalesce(to_json(actor)::text, 'null'), coalesce(to_json(code)::text, 'null'),
            coalesce(to_json(reason)::text, 'null'), to_json(description),
            coalesce(to_json(internal_note)::text, 'null')) || ']' as content
        from ledger_entries order by customer_id, seq
    loop
        if owner is distinct from line.customer_id then
            owner := line.customer_id;
            last_hash := '';
        end if;
        last_hash := sha256(last_hash || convert_to(line.content, 'UTF8'));
        update ledger_entries set hash = last_hash where customer_id = line.customer_id and seq = line.seq;
        update accounts set head = last_hash where customer_id = line.customer_id;
    end loop;
end $$;

alter table ledger_entries alter column hash set not null;

-- Finds what was booked in a period; entries arrive in that order.
create index ledger_entries_recorded_at on ledger_entries using brin (recorded_at) with (pages_per_range = 32);
