"""Erased customers: what agents wrote about their tickets, orders and AutoPlays goes with them."""
