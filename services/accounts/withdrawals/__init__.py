"""Manual withdrawals: an agent pays out money of a customer; the payout itself happens outside."""
