"""Waves: how a batch of mixed events is cut into set-based statements without breaking a customer's order."""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from shared.contracts import Event
from shared.messaging.records import Received


def waves(events: Sequence[Received[Event]]) -> list[list[Received[Event]]]:
    """Cut the events into groups of one type each, to be applied one group after the other.

    Within and across the groups, events of one key keep their order. The type that most customers wait for goes
    first, so that few groups cover a usual batch.
    """
    if len({event.type for event in events}) == 1:
        return [list(events)]
    queues: dict[str, deque[tuple[int, Received[Event]]]] = defaultdict(deque)
    for position, event in enumerate(events):
        queues[event.key].append((position, event))
    # Per type, the keys whose next event is of that type.
    ready: dict[str, list[str]] = defaultdict(list)
    for key, queue in queues.items():
        ready[queue[0][1].type].append(key)
    found = []
    while ready:
        event_type = Counter({name: len(keys) for name, keys in ready.items()}).most_common(1)[0][0]
        wave: list[tuple[int, Received[Event]]] = []
        for key in ready.pop(event_type):
            queue = queues[key]
            while queue and queue[0][1].type == event_type:
                wave.append(queue.popleft())
            if queue:
                ready[queue[0][1].type].append(key)
        wave.sort(key=lambda entry: entry[0])
        found.append([event for _, event in wave])
    return found
