"""`generate`: made-up customers with their histories, straight into the stores."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from deploy.cli.console import LiveProgress, out
from deploy.generate.load import generate as load
from deploy.generate.plan import Plan
from deploy.local.config import SERVICES, default_state_dir
from deploy.local.stack import Stack

_TITLE = "Making and copying in"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(generate)


def generate(
    customers: Annotated[int, typer.Option(min=1, max=50_000_000, help="Customers.")] = 1_000_000,
    tickets: Annotated[int, typer.Option(min=0, max=1_000_000_000, help="Tickets.")] = 3_000_000,
    entries: Annotated[
        int, typer.Option(min=0, max=1_000_000_000, help="Ledger lines; orders need about 1.3 a ticket.")
    ] = 10_000_000,
    seed: Annotated[int, typer.Option(help="Another seed makes other data; the same one, on one day, the same.")] = 1,
) -> None:
    """Fill the empty stores of the local stack with customers, orders, tickets, money and points.

    Nothing goes over Kafka. The indexes are dropped meanwhile: let no event or request come.
    """
    stack = Stack.attach(default_state_dir())
    urls = {service: stack.owner_url(service) for service in SERVICES}
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    started = time.monotonic()
    with LiveProgress() as progress, progress.task("Filling the stores"):
        load(
            Plan(customers, tickets, entries, seed, until),
            urls,
            lambda done, total: progress.advance(_TITLE, done, total),
        )
    out.print(f"{customers:,} customers in {time.monotonic() - started:.0f} s")
