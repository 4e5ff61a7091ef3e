"""Tickets: the orders of customers, the tickets in them, and what becomes of each ticket.

Owns orders, tickets with their status and timeline, cancellations, lotteries with their draws and game offers,
AutoPlays with their runs, and a copy of customers' names.
Consumes `purchases` (completed, failed, prize paid), `balances` (debited, credited, refused) and `customers`
(changed, erased).
Publishes on `tickets`: tickets purchased, paid and in limbo; cancellation requested; ticket cancelled;
payment to be decided anew; and what becomes of AutoPlays. Publishes the purchases of AutoPlays on `purchases`.

Features: `orders` takes purchases in and shows them, `lifecycle` holds the status table and the timeline,
`settlement` applies what became of the money, `cancellations` takes an agent's request, `customers` knows names,
`draws` has lotteries, draws and offers, `bulk` cancels whole orders and draws, `limbo` takes agents' decisions,
`prizes` knows what was paid out, `autoplay` buys draw by draw for customers who asked for that, `erasure` forgets what
was written about a customer.
"""
