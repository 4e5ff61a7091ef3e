"""Two customers found to be one: shown as one, without a line of either ledger changing, and parted again if wrong."""
