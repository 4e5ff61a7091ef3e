"""`psql`: SQL on the database of a service of the local stack."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from deploy.local.config import SERVICES, default_state_dir
from deploy.local.errors import StackError
from deploy.local.postgres import client_program, without_password
from deploy.local.stack import Stack


def register(app: typer.Typer) -> None:
    """Add the command. What follows the service goes to psql as it is."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(psql)


def psql(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="accounts, tickets, notifications or loyalty")],
    *,
    owner: Annotated[
        bool, typer.Option("--owner", help="as the role that owns the tables, which may change what a service may not")
    ] = False,
) -> None:
    """Open psql on a service's database, as its role; options go to psql, as in: psql tickets -c 'select 1'."""
    if service not in SERVICES:
        raise StackError(f"There is no service '{service}': choose one of {', '.join(SERVICES)}.")
    stack = Stack.attach(default_state_dir())
    address, password = without_password(stack.owner_url(service) if owner else stack.database_url(service))
    program = str(client_program("psql"))
    os.execve(program, [program, "-d", address, *context.args], {**os.environ, "PGPASSWORD": password})  # noqa: S606
