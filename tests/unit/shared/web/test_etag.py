"""Entity tags as RFC 9110 compares them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web import Problem, etag_of
from shared.web.etag import check_if_match, is_not_modified, parse_entity_tags


@given(st.lists(st.integers(0, 2**63), min_size=1, max_size=5), st.sampled_from([",", ", ", " , "]))
def test_lists_are_read_whole(versions: list[int], separator: str) -> None:
    header = separator.join(etag_of(version) for version in versions)
    assert parse_entity_tags(header, name="If-Match") == {etag_of(version) for version in versions}


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(header: str) -> None:
    refused: Problem | None = None
    try:
        assert parse_entity_tags(header, name="If-Match")
    except Problem as problem:
        refused = problem
    assert refused is None or refused.errors[0]["field"] == "header.If-Match"


@pytest.mark.parametrize("header", ["", "7", '"7', '"7" "8"', '"a b"', "*, *", 'w/"7"'])
def test_what_is_not_a_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(Problem, match="malformed_request"):
        parse_entity_tags(header, name="If-Match")


@pytest.mark.parametrize("header", ['"7"', '"6", "7"', "*"])
def test_the_current_version_matches(header: str) -> None:
    check_if_match(parse_entity_tags(header, name="If-Match"), 7)


@pytest.mark.parametrize("header", ['"6"', 'W/"7"', '"77"', '""'])
def test_another_version_or_a_weak_tag_does_not(header: str) -> None:
    with pytest.raises(Problem, match="precondition_failed") as caught:
        check_if_match(parse_entity_tags(header, name="If-Match"), 7)
    assert caught.value.headers["ETag"] == '"7"'


@pytest.mark.parametrize(("header", "expected"), [('"7"', True), ('W/"7"', True), ("*", True), ('"6"', False)])
def test_a_copy_may_be_compared_weakly(header: str, *, expected: bool) -> None:
    assert is_not_modified(header, '"7"') is expected
