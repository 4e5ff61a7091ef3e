"""Reconciliation: what tickets cancelled against what accounts credited back, both ways."""
