"""What the team writes down about a customer: read by all, changed by its author alone."""
