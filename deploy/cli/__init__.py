"""The `recourse` command: the local stack and the tools around the platform."""
