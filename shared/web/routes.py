"""Finding the operation of a path in a few look-ups; aiohttp's router tries one pattern after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Node(Generic[T]):
    children: dict[str, "_Node[T]"] = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    # By method: what is there, and the names of the parameters on the way.
    found: dict[str, tuple[T, tuple[str, ...]]] = field(default_factory=dict)


class Routes(Generic[T]):
    """A tree of path segments. It knows the plain cases; what it does not find is left to aiohttp's router."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: str, target: T) -> None:
        """Let `find` return `target` for paths such as `/v1/customers/{customer_id}`."""
        node, names = self._root, []
        for segment in template.split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        node.found[method] = (target, tuple(names))

    def find(self, method: str, path: str) -> tuple[T, Mapping[str, str]] | None:
        """The target and the parameters by name. None for an unknown path, and for one with escaped characters."""
        if "%" in path:
            return None
        node, values = self._root, []
        for segment in path.split("/"):
            following = node.children.get(segment)
            if following is None:
                following = node.parameter
                if following is None or not segment:
                    return None
                values.append(segment)
            node = following
        found = node.found.get(method)
        if found is None:
            return None
        target, names = found
        return target, dict(zip(names, values, strict=True))
