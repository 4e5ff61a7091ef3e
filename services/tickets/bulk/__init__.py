"""Bulk cancellations: all tickets of an order or of a cancelled draw, as a job with progress."""
