"""Tickets in limbo: which there are, what to do about each, and an agent's decision."""
