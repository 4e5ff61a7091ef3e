"""What hypothesis makes of the value types of the contracts."""

from typing import Any, get_args

from hypothesis import strategies as st
from pydantic import StringConstraints


def matching(annotated: Any) -> st.SearchStrategy[str]:
    """Texts that a constrained string type takes."""
    constraints = next(extra for extra in get_args(annotated) if isinstance(extra, StringConstraints))
    texts = st.from_regex(str(constraints.pattern), fullmatch=True)
    low, high = constraints.min_length or 0, constraints.max_length or 10_000
    return texts.filter(lambda text: low <= len(text) <= high and not text.endswith("\n"))
