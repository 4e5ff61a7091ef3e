"""What tickets reads from its environment."""

from datetime import timedelta

from pydantic import Field

from shared.settings import ServiceSettings


class TicketsSettings(ServiceSettings):
    """The shared settings, and how long a ticket may wait for its payment."""

    payment_timeout_seconds: float = Field(
        default=60, ge=0.1, le=86_400, description="How long payment may be neither confirmed nor refused."
    )

    @property
    def payment_timeout(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.payment_timeout_seconds)
