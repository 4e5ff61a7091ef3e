"""What loyalty reads from its environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class LoyaltySettings(ServiceSettings):
    """The shared settings, and how many points a ticket earns."""

    points_per_major_unit: int = Field(
        default=1, ge=0, le=1000, description="Points for each whole unit of a ticket's price, such as a dollar."
    )
