"""Programs that a line runs and compares, each started as `python -m bench.sides.<name>`."""
