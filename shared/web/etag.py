"""Strong entity tags made from a version number: what guards an edit against overwriting another's."""

import re

from shared.web.problems import MALFORMED_REQUEST, PRECONDITION_FAILED

_ENTITY_TAG = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e]*")\s*(?:,|$)')


def etag_of(version: int | str) -> str:
    """The strong entity tag of a resource at `version`."""
    return f'"{version}"'


def parse_entity_tags(header: str, *, name: str) -> frozenset[str]:
    """The entity tags of an If-Match or If-None-Match header; `{"*"}` for the wildcard.

    Raises:
        Problem: 400 `malformed_request`, naming the header.
    """
    if header.strip() == "*":
        return frozenset({"*"})
    tags: set[str] = set()
    position = 0
    while position < len(header):
        match = _ENTITY_TAG.match(header, position)
        if match is None:
            break
        tags.add(match[1])
        position = match.end()
    if position < len(header) or not tags:
        raise MALFORMED_REQUEST(
            f"{name} is not a list of entity tags.",
            errors=[{"field": f"header.{name}", "message": 'Expected "*" or quoted entity tags.'}],
        )
    return frozenset(tags)


def check_if_match(tags: frozenset[str], version: int) -> None:
    """Strong comparison (RFC 9110, 13.1.1): a weak tag never matches.

    Raises:
        Problem: 412 `precondition_failed`, with the current entity tag.
    """
    current = etag_of(version)
    if "*" not in tags and current not in tags:
        raise PRECONDITION_FAILED(
            "Read it again, look at what changed, and repeat the edit with its new ETag.",
            headers={"ETag": current},
        )


def is_not_modified(if_none_match: str, etag: str) -> bool:
    """Weak comparison (RFC 9110, 13.1.2): whether the caller's copy is still current."""
    tags = parse_entity_tags(if_none_match, name="If-None-Match")
    return "*" in tags or etag in {tag.removeprefix("W/") for tag in tags}
