"""An independent model of the platform: `python -m tests.chaos.model FACTS OBSERVED` prints the differences.

It knows only what outsiders know: the events that were published on `purchases`, in the order in which Kafka kept
them, and the HTTP calls with their answers. From these it works out, one customer after the other, what every ledger
line, ticket, timeline, movement of points and mail has to be, and compares. It uses the standard library alone and
shares no code with the platform.

Where the outcome depends on a race that outsiders cannot see (two payments from one balance, a cancellation beside a
payment), it takes the order that the ledger shows and checks that each decision was right at its place in that order.
"""
