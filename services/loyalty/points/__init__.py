"""Points: awarded for paid tickets, clawed back when a ticket is cancelled."""
