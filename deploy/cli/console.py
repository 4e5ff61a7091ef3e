"""What the commands print on: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class LiveProgress:
    """Shows the tasks that run now and leaves a line for each that is done; without a terminal, only the lines.

    Use as a context manager around the work; tasks may come from several threads.
    """

    def __init__(self) -> None:
        self._display = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._sized: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    @contextmanager
    def task(self, title: str) -> Iterator[None]:
        """Show `title` with its time while the block runs."""
        started = time.monotonic()
        task = self._display.add_task(title, total=None)
        try:
            yield
            err.print(f"[green]✓[/] {title} [dim]{time.monotonic() - started:.1f} s[/]")
        except BaseException:
            err.print(f"[red]✗[/] {title}")
            raise
        finally:
            self._display.remove_task(task)

    def advance(self, title: str, done: int, total: int) -> None:
        """Show how far a task of known size is; it vanishes when it is done."""
        if title not in self._sized:
            self._sized[title] = self._display.add_task(title, total=total)
        self._display.update(self._sized[title], completed=done)
        if done >= total:
            self._display.remove_task(self._sized.pop(title))


def told(text: str) -> str:
    """What others wrote, as it may be printed: nothing in it is markup, and no terminal obeys it."""
    return escape("".join(each if each.isprintable() else repr(each)[1:-1] for each in text))


def show_error(message: str) -> None:
    """The last line of `message` is the sentence that matters; what comes before is shown above it, dimmed."""
    details, _, sentence = message.rpartition("\n")
    if details:
        err.print(details, style="dim", markup=False)
    err.print(sentence, style="bold red", markup=False, soft_wrap=True)
