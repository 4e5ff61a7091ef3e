"""Entry point of the `recourse` command."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

from deploy.cli import commands
from deploy.cli.console import show_error
from deploy.local.errors import StackError


def build_app() -> typer.Typer:
    """The command line application with every command of `deploy.cli.commands`."""
    app = typer.Typer(
        name="recourse",
        help="Recourse: the customer-support backbone of a lottery and loyalty business.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for module in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"{commands.__name__}.{module.name}").register(app)
    return app


def main() -> None:
    """Run the command; what the user can fix is told in one sentence and ends with status 1."""
    try:
        build_app()()
    except StackError as error:
        show_error(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
