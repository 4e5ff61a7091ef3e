"""Tracking: what became of a message, by what is known of its attempts and what providers report."""
