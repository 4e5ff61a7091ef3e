"""Erasure on request: nothing personal of a customer is kept, and the sums of its money stay true."""
