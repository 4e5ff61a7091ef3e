"""What notifications reads from its environment."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from shared.contracts.base import ShortText
from shared.settings import ServiceSettings

AsciiAddress = Annotated[str, StringConstraints(max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+$")]


class NotificationsSettings(ServiceSettings):
    """The shared settings, and how mail is sent and in whose name."""

    # Nobody waits for a mail by the tenth of a second, and larger batches leave the processors to others.
    kafka_fetch_wait_ms: int = Field(default=200, ge=1, le=5_000)
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=25, ge=1, le=65_535)
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = Field(default=False, description="Refuse to send over a connection that is not encrypted.")
    smtp_connections: int = Field(default=8, ge=1, le=100)
    smtp_timeout_seconds: float = Field(default=60, gt=0, le=600, description="For one answer of the server.")
    lease_seconds: float = Field(
        default=30, ge=1, le=3600, description="How long a message stays with a worker that shows no sign of life."
    )
    mail_from: AsciiAddress = "no-reply@recourse.example"
    organisation_name: ShortText = "Recourse"

    @model_validator(mode="after")
    def _has_all_of_a_login(self) -> Self:
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("RECOURSE_SMTP_USERNAME and RECOURSE_SMTP_PASSWORD are both needed to log in, or none")
        return self
