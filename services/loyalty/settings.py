"""What loyalty reads from its environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class LoyaltySettings(ServiceSettings):
    """The shared settings, and how many points a ticket earns."""

    # As with mail: nobody waits for points by the tenth of a second.
    kafka_fetch_wait_ms: int = Field(default=200, ge=1, le=5_000)
    points_per_major_unit: int = Field(
        default=1, ge=0, le=1000, description="Points for each whole unit of a ticket's price, such as a dollar."
    )
