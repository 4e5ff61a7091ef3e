"""What the speed claims rest on: `python -m bench` measures every line of the table, side by side.

Each line compares two sides that do the same work, in turn (A B A B A B), on one machine with durable commits. A
side is a process of its own (`bench/sides/`); a line (`bench/lines/`) prepares its work, runs the sides and watches
them from outside. `bench/registry.py` lists the lines.
"""
