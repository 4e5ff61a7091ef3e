"""What every service shares: contracts, messaging, HTTP, database access, settings and telemetry."""
