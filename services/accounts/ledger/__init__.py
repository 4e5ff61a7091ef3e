"""The money of the customers: one account each, its entries with running balance, and what an order was charged."""
