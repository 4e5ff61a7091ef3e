"""What accounts reads from its environment besides what every service reads."""

from typing import Annotated

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field, SecretStr

from shared.settings import ServiceSettings


def known_region(code: str) -> str:
    """The ISO 3166 code of a country, if its phone numbers are known."""
    if code not in SUPPORTED_REGIONS:
        raise ValueError("no country whose phone numbers are known has this code")
    return code


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
    reconciliation_grace_seconds: float = Field(
        default=300, gt=0, le=86_400, description="Seconds after which a credited ticket must be known as cancelled."
    )
    phone_region: Annotated[str, AfterValidator(known_region)] = Field(
        default="AU", description="The country of phone numbers that name none, as an ISO 3166 code of two letters."
    )
    ledger_seal_seconds: float = Field(
        default=10, ge=0.1, le=3_600, description="Seconds between two seals over the hash chains of the ledger."
    )
    ledger_seal_key: SecretStr | None = Field(
        default=None, description="Secret of the seals: who can write to the database but lacks it cannot forge one."
    )
