-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- Sealing and reconciliation ask every few seconds for what came just now. A BRIN index does not tell where that is: it
-- knows nothing of the rows since the last vacuum, of a large ledger up to a fifth; they were all read each time. Rows
-- come in the order of these columns, so that a B-tree only grows at its end: it costs a line half a microsecond.
drop index ledger_entries_recorded_at;
create index ledger_entries_recorded_at on ledger_entries (recorded_at);
drop index cancelled_tickets_received_at;
create index cancelled_tickets_received_at on cancelled_tickets (received_at);
