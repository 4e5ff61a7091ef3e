"""`ledger`: whether anybody changed the ledger behind the service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated

import typer

from deploy.cli.console import err, out, show_error
from deploy.local.config import default_state_dir
from deploy.local.errors import StackError
from deploy.local.stack import Stack
from services.accounts.evidence.verification import LedgerUnreadableError, verify_database

_SEAL = re.compile(r"(\d+):([0-9a-f]{64})")
_MOST_SHOWN = 1000
_EXIT_UNREADABLE = 2


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="The ledger of the customers' money.", no_args_is_help=True)
    group.command()(verify)
    group.callback()(lambda: None)
    app.add_typer(group, name="ledger")


def verify(
    database_url: Annotated[
        str | None,
        typer.Option(envvar="RECOURSE_DATABASE_URL", help="The database of accounts; by default the local stack's."),
    ] = None,
    seal_key: Annotated[
        str, typer.Option(envvar="RECOURSE_LEDGER_SEAL_KEY", help="The secret that the seals were made with.")
    ] = "",
    seal: Annotated[
        list[str] | None,
        typer.Option(metavar="NUMBER:HASH", help="A seal that was noted elsewhere, as accounts logged it."),
    ] = None,
) -> None:
    """Find edits, deletions, insertions, reordering and truncation; status 1 when there is something.

    The status is 2 when the ledger cannot be read. Reads all of it as it is at the start, beside the running service.
    """
    url = database_url or Stack.attach(default_state_dir()).database_url("accounts")
    noted = dict(_noted(each) for each in seal or [])
    try:
        found = asyncio.run(_verify(url, seal_key.encode(), noted))
    except LedgerUnreadableError as error:
        show_error(str(error))
        raise typer.Exit(_EXIT_UNREADABLE) from None
    if found:
        err.print(f"The ledger was changed behind the service: {found} findings.", markup=False)
        raise typer.Exit(1)
    err.print("The ledger is as the service wrote it.", markup=False)


def _noted(text: str) -> tuple[int, bytes]:
    match = _SEAL.fullmatch(text)
    if match is None:
        raise StackError(f"'{text}' is no seal: give its number, a colon and its hash.")
    return int(match[1]), bytes.fromhex(match[2])


async def _verify(url: str, key: bytes, noted: Mapping[int, bytes]) -> int:
    number = 0
    async for finding in verify_database(url, key=key, noted=noted):
        number += 1
        if number <= _MOST_SHOWN:
            out.print(str(finding), markup=False, soft_wrap=True)
    return number
