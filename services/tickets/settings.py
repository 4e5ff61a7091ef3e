"""What tickets reads from its environment."""

from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from services.tickets.autoplay.runs import AfterFailure, RetryPolicy
from shared.settings import ServiceSettings
from shared.time_zones import zone_named


class TicketsSettings(ServiceSettings):
    """The shared settings, where the organisation is, how long a payment may take, and how AutoPlays buy."""

    payment_timeout_seconds: float = Field(
        default=60, ge=0.1, le=86_400, description="How long payment may be neither confirmed nor refused."
    )
    time_zone: str = Field(default="UTC", description="The organisation's time zone, an IANA name.")
    autoplay_lead_hours: float = Field(
        default=24, gt=0, le=168, description="How long before a draw closes AutoPlays buy its tickets."
    )
    autoplay_pause_seconds: float = Field(
        default=5, ge=0.05, le=3600, description="How long the runner rests when nothing is due."
    )
    autoplay_retry_minutes: str = Field(
        default="60,240,720",
        pattern=r"^(never|\d{1,6}(\.\d{1,3})?(,\d{1,6}(\.\d{1,3})?)*)$",
        description="How long after each refused payment it is tried again; `never` for not at all.",
    )
    autoplay_after_failure: Literal["pause", "cancel"] = Field(
        default="pause", description="What becomes of an AutoPlay whose payment is refused for the last time."
    )

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        if zone_named(name) is None:
            raise ValueError("not the name of a time zone")
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def payment_timeout(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.payment_timeout_seconds)

    @property
    def autoplay_lead(self) -> timedelta:
        """The same as a duration."""
        return timedelta(hours=self.autoplay_lead_hours)

    @property
    def retry_policy(self) -> RetryPolicy:
        """When refused payments of AutoPlays are tried again, and what comes after the last one."""
        minutes = [] if self.autoplay_retry_minutes == "never" else self.autoplay_retry_minutes.split(",")
        delays = tuple(timedelta(minutes=float(each)) for each in minutes)
        return RetryPolicy(delays, AfterFailure(self.autoplay_after_failure))
