"""AutoPlay, also called membership, star supporter or VIP: purchases that repeat themselves draw by draw."""
