"""The two stories that must always hold, played through public interfaces only: Kafka in, HTTP in and out.

`recourse demo` shows them to people; the end-to-end tests check them.
"""
