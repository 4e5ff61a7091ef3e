"""Faults on purpose: claims without their mechanisms, killed and frozen processes, and the long run of all of it.

`python -m tests.chaos` is the long run; `make chaos` calls it. `model.py` and what it imports share no code with the
services.
"""
