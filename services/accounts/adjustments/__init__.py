"""Corrections of a balance by hand, each with its reason."""
