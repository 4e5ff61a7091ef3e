"""`token`: a bearer token for the APIs of the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.local.config import default_state_dir
from deploy.local.errors import StackError
from deploy.local.signing import local_token
from shared.web.permissions import Role


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(token)


def token(
    role: Annotated[Role, typer.Option(help="What the bearer may do.")] = Role.AGENT,
    subject: Annotated[str, typer.Option(help="Who the bearer is; shown in the audit trail.")] = "agent-1",
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 365, help="How long it is valid.")] = 8.0,
) -> None:
    """Print a bearer token that the local services accept."""
    if not subject:
        raise StackError("The subject must not be empty: name the person, as in --subject agent-1.")
    typer.echo(local_token(default_state_dir(), role=role, subject=subject, expires_in=hours * 3600))
