"""`demo`: both stories on the real platform, live and readable."""

from __future__ import annotations

import asyncio

import typer

from deploy.cli.commands.stack import print_addresses
from deploy.cli.console import LiveProgress, out
from deploy.local.config import local_config
from deploy.local.stack import Stack
from deploy.stories.observe import Step
from deploy.stories.platform import connect
from deploy.stories.stories import Bought, bounce, buy, cancel, withdraw

_COLOURS = {"tickets": "cyan", "accounts": "green", "loyalty": "magenta", "notifications": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo() -> None:
    """Start what does not run, play both stories through the public interfaces, and leave all running."""
    with LiveProgress() as progress:
        stack = Stack(local_config(), progress)
        stack.up()
    bought = asyncio.run(_play(stack))
    out.rule("Everything runs; have a look")
    print_addresses(stack)
    _print_curl(stack, bought)


async def _play(stack: Stack) -> Bought:
    async with connect(stack) as platform:
        out.rule("Story 1: a purchase arrives on Kafka")
        bought = await buy(platform, _show)
        out.rule("Story 2: an agent cancels a ticket")
        await cancel(platform, bought)
        out.rule("The refund, as a manual withdrawal")
        await withdraw(platform, bought)
        out.rule("The same purchase by a customer whose address bounces")
        await bounce(platform, _show)
    return bought


def _show(step: Step) -> None:
    colour = _COLOURS.get(step.service, "bold")
    out.print(f"[dim]{step.seconds:7.2f} s[/]  [{colour}]{step.service:<13}[/] ", end="")
    out.print(step.text, markup=False, soft_wrap=True)


def _print_curl(stack: Stack, bought: Bought) -> None:
    out.print("\nAsk for the customer's transactions yourself:\n")
    out.print(
        f'curl -H "Authorization: Bearer $(.venv/bin/recourse token --role agent --subject agent-1)" '
        f"{stack.service_url('accounts')}/v1/customers/{bought.customer_id}/transactions",
        markup=False,
        soft_wrap=True,
    )
    out.print("\nStop it with `make down`; run `make demo` again for another customer.")
