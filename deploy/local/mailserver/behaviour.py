"""What happens to mail for an address, decided by how the address starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["delivered", "soft_bounce", "hard_bounce"]


@dataclass(frozen=True)
class Behaviour:
    """What becomes of an accepted message: `state` is reported `delay` seconds after it was accepted."""

    state: State
    status_code: str
    diagnostic: str
    delay: float = 0.0


DELIVERED = Behaviour("delivered", "2.0.0", "delivered to mailbox")
SOFT_BOUNCE = Behaviour("soft_bounce", "4.2.2", "mailbox full")
HARD_BOUNCE = Behaviour("hard_bounce", "5.1.1", "no such mailbox")


def is_refused(address: str) -> bool:
    """Whether the server refuses the recipient at once (550)."""
    return address.lower().startswith("refuse")


def behaviour_of(address: str, *, slow_seconds: float) -> Behaviour:
    """What becomes of mail to `address`; `slow...` is delivered after `slow_seconds`."""
    lowered = address.lower()
    if lowered.startswith("bounce-hard"):
        return HARD_BOUNCE
    if lowered.startswith("bounce-soft"):
        return SOFT_BOUNCE
    if lowered.startswith("slow"):
        return Behaviour(DELIVERED.state, DELIVERED.status_code, DELIVERED.diagnostic, slow_seconds)
    return DELIVERED
