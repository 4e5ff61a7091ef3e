"""The life of a ticket: its status by one total table, its detail and its timeline."""
