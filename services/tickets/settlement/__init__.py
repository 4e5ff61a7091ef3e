"""What became of the money: payments and reversals applied to tickets, and payments that never came."""
