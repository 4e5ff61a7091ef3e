"""Recipients: customers as notifications knows them, from what accounts publishes."""
