"""How the stack tells what it is doing; the command shows it, the tests do not."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Hears about tasks, from several threads at once."""

    def task(self, title: str) -> AbstractContextManager[None]:
        """A task that lasts as long as the context."""

    def advance(self, title: str, done: int, total: int) -> None:
        """How far a task of known size is."""


class SilentProgress:
    """Shows nothing."""

    def task(self, title: str) -> AbstractContextManager[None]:
        """Nothing is shown for `title`."""
        del title
        return contextlib.nullcontext()

    def advance(self, title: str, done: int, total: int) -> None:
        """Nothing is shown."""
