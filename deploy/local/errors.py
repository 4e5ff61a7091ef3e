"""The one error that the local stack raises on purpose."""

from __future__ import annotations


class StackError(Exception):
    """Something the user can fix; the message is one sentence and says what to do."""
