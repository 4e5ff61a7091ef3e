"""What accounts reads from its environment besides what every service reads."""

from pydantic import Field

from shared.settings import ServiceSettings


class AccountsSettings(ServiceSettings):
    """Settings of the accounts service."""

    cause_timeout_seconds: float = Field(
        default=60, gt=0, le=86_400, description="Seconds that a cancellation waits for the order it names."
    )
    withdrawal_approval_threshold: int = Field(
        default=1_000_000,
        ge=0,
        le=10**12,
        description="Withdrawals of more than this, in minor units, wait for a second person.",
    )
