"""Cancellations: an agent's request, and what became of it."""
