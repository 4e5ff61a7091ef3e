"""Delivery: sending over SMTP, never again by itself once a message may have been handed over."""
