"""Accounts: who the customers are, and the ledger of their money.

Owns customers (registered by agents or learned from purchases) and one account for each of them: its entries with
running balance, reversals of cancelled tickets, and manual withdrawals.
Consumes `tickets` (tickets purchased, cancellation requested) and `purchases` (purchase failed).
Publishes `customers` (changed) and `balances` (credited, debited, refused).
"""
