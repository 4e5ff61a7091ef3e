"""One module a group of commands; each is found by itself and adds its commands in `register(app)`.

To add a command, add a module here with

    def register(app: typer.Typer) -> None:
        app.command("name")(function)

and raise `StackError` for what the user can fix: it is shown as one sentence, without a traceback.
"""
