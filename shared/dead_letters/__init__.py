"""Dead letters over HTTP, the same in every service: groups, list, one letter, replay and discard."""

from shared.dead_letters.api import DeadLettersApi

__all__ = ["DeadLettersApi"]
