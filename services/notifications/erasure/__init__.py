"""Erased customers: nothing personal stays of what they were told, and they are told nothing more."""
