"""What notifications knows of a customer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipient:
    """A customer as of `version`, which grows with each change. An erased one is told nothing."""

    customer_id: str
    version: int
    first_name: str
    last_name: str
    email: str | None
    language: str | None
    time_zone: str | None
    merged_into: str | None = None
    is_erased: bool = False

    @property
    def name(self) -> str:
        """First and last name, on one line."""
        return " ".join(f"{self.first_name} {self.last_name}".split())
