"""Withdrawals that hold their money until a second person approves or rejects them."""
