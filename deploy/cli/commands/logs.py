"""`logs`: what the processes of the local stack wrote."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.console import out
from deploy.local.config import default_state_dir
from deploy.local.errors import StackError
from deploy.local.process import ManagedProcess
from deploy.local.stack import Stack

_POLL_SECONDS = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(logs)


def logs(
    name: Annotated[str | None, typer.Argument(help="A process, such as tickets or kafka-1; else all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,  # noqa: FBT002
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 40,
) -> None:
    """Show the logs of the local stack."""
    processes = _selected(Stack.attach(default_state_dir()), name)
    width = max(len(process.name) for process in processes)
    followers = [_Follower(process.log_path) for process in processes]
    for process in processes:
        _print(process, process.log_tail(lines).splitlines(), width)
    while follow:
        for process, follower in zip(processes, followers, strict=True):
            _print(process, follower.new_lines(), width)
        time.sleep(_POLL_SECONDS)


def _selected(stack: Stack, name: str | None) -> list[ManagedProcess]:
    if name is None:
        return list(stack.processes.values())
    if name not in stack.processes:
        raise StackError(f"There is no process '{name}': choose one of {', '.join(stack.processes)}.")
    return [stack.processes[name]]


def _print(process: ManagedProcess, lines: list[str], width: int) -> None:
    for line in lines:
        out.print(f"{process.name:<{width}} | {line}", markup=False, soft_wrap=True)


class _Follower:
    """The complete lines that were added to a file since the last look; starts at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0

    def new_lines(self) -> list[str]:
        if not self._path.exists():
            return []
        if self._path.stat().st_size < self._position:
            self._position = 0
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        complete = content[: content.rfind(b"\n") + 1]
        self._position += len(complete)
        return complete.decode(errors="replace").splitlines()
