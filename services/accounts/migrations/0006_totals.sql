-- Sums of the booked entries of each account by their kind, kept with the balance: no summary ever adds a history up.
alter table accounts
    add column deposits bigint not null default 0,
    add column deposit_count bigint not null default 0,
    add column purchases bigint not null default 0,
    add column purchase_count bigint not null default 0,
    add column reversals bigint not null default 0,
    add column reversal_count bigint not null default 0,
    add column withdrawals bigint not null default 0,
    add column withdrawal_count bigint not null default 0,
    add column adjustments bigint not null default 0,  -- money in less money out
    add column adjustment_count bigint not null default 0,
    add column last_movement_at timestamptz;

update accounts a
set deposits = t.deposits, deposit_count = t.deposit_count, purchases = t.purchases,
    purchase_count = t.purchase_count, reversals = t.reversals, reversal_count = t.reversal_count,
    withdrawals = t.withdrawals, withdrawal_count = t.withdrawal_count, adjustments = t.adjustments,
    adjustment_count = t.adjustment_count, last_movement_at = t.last_movement_at
from (select customer_id,
             coalesce(sum(amount_in) filter (where kind = 'deposit'), 0) as deposits,
             count(*) filter (where kind = 'deposit') as deposit_count,
             coalesce(sum(amount_out) filter (where kind = 'purchase'), 0) as purchases,
             count(*) filter (where kind = 'purchase') as purchase_count,
             coalesce(sum(amount_in) filter (where kind = 'reversal'), 0) as reversals,
             count(*) filter (where kind = 'reversal') as reversal_count,
             coalesce(sum(amount_out) filter (where kind = 'withdrawal'), 0) as withdrawals,
             count(*) filter (where kind = 'withdrawal') as withdrawal_count,
             coalesce(sum(amount_in - amount_out) filter (where kind = 'adjustment'), 0) as adjustments,
             count(*) filter (where kind = 'adjustment') as adjustment_count,
             max(recorded_at) as last_movement_at
      from ledger_entries where status = 'booked' group by customer_id) as t
where a.customer_id = t.customer_id;
