"""`up`, `down`, `status`, `clean`: the local stack."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from deploy.cli.console import LiveProgress, err, out
from deploy.local.config import StackConfig, default_state_dir, local_config
from deploy.local.stack import ProcessStatus, Stack


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, clean):
        app.command()(command)


def up(
    only_infra: Annotated[  # noqa: FBT002 - Typer makes an option of it
        bool, typer.Option("--only-infra", help="Start PostgreSQL and Kafka, and nothing else.")
    ] = False,
    replicas: Annotated[int, typer.Option(min=1, max=8, help="How many processes of each service.")] = 1,
) -> None:
    """Start the local stack: PostgreSQL, Kafka, the services and the mail server."""
    with LiveProgress() as progress:
        stack = Stack(local_config(replicas=replicas), progress)
        if only_infra:
            stack.up_infrastructure()
        else:
            stack.up()
    print_addresses(stack, only_infra=only_infra)


def down() -> None:
    """Stop the local stack; the data stays."""
    state_dir = default_state_dir()
    if StackConfig.load(state_dir) is None:
        err.print("No local stack was started here.")
        return
    with LiveProgress() as progress:
        Stack.attach(state_dir, progress).down()


def status() -> None:
    """Show every process of the local stack."""
    stack = Stack.attach(default_state_dir())
    table = Table("process", "pid", "port", "health", "memory")
    for entry in stack.status():
        memory = f"{entry.memory_bytes / 1_000_000:.0f} MB" if entry.pid else ""
        table.add_row(entry.name, str(entry.pid or ""), str(entry.port), _health(entry), memory)
    out.print(table)


def clean() -> None:
    """Stop the local stack and forget all its data."""
    state_dir = default_state_dir()
    if StackConfig.load(state_dir) is None:
        err.print("There is no data of a local stack here.")
        return
    with LiveProgress() as progress:
        Stack.attach(state_dir, progress).clean()
    err.print(f"Removed {state_dir}.")


def _health(entry: ProcessStatus) -> str:
    if entry.pid is None:
        return "[red]stopped[/]"
    return "[green]healthy[/]" if entry.healthy else "[yellow]not answering[/]"


def print_addresses(stack: Stack, *, only_infra: bool = False) -> None:
    """Where everything that runs can be reached."""
    table = Table(show_header=False, box=None)
    table.add_row("Kafka", stack.bootstrap_servers)
    table.add_row("PostgreSQL", stack.admin_url.rpartition("@")[2])
    if not only_infra:
        for name, _service in stack.config.service_names:
            table.add_row(name, f"{stack.service_url(name)}/docs")
        table.add_row("mail", stack.service_url("mail"))
        table.add_row("token", "recourse token --role agent --subject agent-1")
    out.print(table)
