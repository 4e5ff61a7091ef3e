"""Evidence that nobody changed the ledger behind the service: seals over the chains, and their verification."""
