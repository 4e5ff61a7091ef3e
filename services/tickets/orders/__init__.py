"""Orders: purchases taken in once, and the order history."""
