"""Accounts: who the customers are, the ledger of their money, and the timeline of what they did.

Owns customers (registered by agents or learned from purchases) and one account for each of them: its entries with
running balance, reversals of cancelled tickets, withdrawals and adjustments; the timeline, carts and notes.
Consumes `tickets` and `purchases` (what is booked, and what became of it) and, for the timeline, `activity`,
`correspondence`, `deliveries` and `loyalty`.
Publishes `customers` (changed, merged, parted, erased) and `balances` (credited, debited, refused).

Features: `customers` holds who they are, `merges` makes two of them one, `erasure` forgets one, `trail` shows what was
changed and unmasks, `search` finds them; `ledger` books and shows, `withdrawals` pays out, `approvals` is the second
person's, `adjustments` corrects, `evidence` seals the chain of entries, `reconciliation` compares cancellations with
tickets; `activity` is the timeline and `notes` what agents wrote.
"""
