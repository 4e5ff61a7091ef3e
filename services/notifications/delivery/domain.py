"""When another attempt is made to send a message, and when no more."""

from datetime import timedelta

# The interrupted connection of one message says little about the next try; a server that says "later" means it.
_FIRST_AFTER_INTERRUPTION, _LONGEST_AFTER_INTERRUPTION = timedelta(seconds=1), timedelta(minutes=1)
_FIRST_AFTER_ANSWER, _LONGEST_AFTER_ANSWER = timedelta(seconds=10), timedelta(minutes=30)
_GIVE_UP_AFTER = timedelta(hours=48)
# Three quarters of an hour of answers: a server that was away for days may put off what it sees for the first time.
_FEWEST_ATTEMPTS = 9


def retry_delay(attempt: int, *, answered: bool) -> timedelta:
    """How long to wait after attempt number `attempt` (from 1), which the server `answered` or which broke off."""
    first = _FIRST_AFTER_ANSWER if answered else _FIRST_AFTER_INTERRUPTION
    longest = _LONGEST_AFTER_ANSWER if answered else _LONGEST_AFTER_INTERRUPTION
    doublings: int = min(attempt - 1, 16)
    return min(first * (1 << doublings), longest)


def gives_up(attempt: int, *, age: timedelta) -> bool:
    """Whether attempt number `attempt` at a message of that age was the last one."""
    return age > _GIVE_UP_AFTER and attempt >= _FEWEST_ATTEMPTS
