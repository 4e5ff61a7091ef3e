"""Prizes that other systems paid out: a ticket that has one is never cancelled."""
