"""Who the customers are, as far as tickets needs to know: a name to show, and the lock."""
