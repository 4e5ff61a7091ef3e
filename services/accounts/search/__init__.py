"""Finding customers: one box for any identifying detail, and a form of several."""
