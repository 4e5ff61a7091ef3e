"""The native local stack: real PostgreSQL, Apache Kafka, services and a mail server, without containers.

`Stack` (in `stack.py`) is the way in: the `recourse` command and the tests use the same one. All state of a
stack lives in its state folder; stacks with different state folders and ports do not see each other.
"""
