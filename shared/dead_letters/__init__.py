"""Dead letters over HTTP, the same in every service: groups, list, one letter, replay, discard, and who did what."""

from shared.dead_letters.api import DeadLettersApi

__all__ = ["DeadLettersApi"]
