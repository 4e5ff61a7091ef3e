"""Looks at a single masked field, each with its reason."""
