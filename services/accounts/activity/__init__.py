"""What customers did and what was done for them: one timeline over all services, and the cart as it is now."""
