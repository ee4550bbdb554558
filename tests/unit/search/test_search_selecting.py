"""A filter as a Sigma detection finds what the filter says, and refuses what Sigma cannot say."""

from __future__ import annotations

import pytest

from miharu.core.errors import QueryError
from miharu.search import filter_as_detection


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('user.name : "alice"', {"test1": {"user.name": "alice"}, "condition": "test1"}),
        ("user.name : al*e?", {"test1": {"user.name": "al*e?"}, "condition": "test1"}),
        (r'process.executable : "C:\\a*?"', {"test1": {"process.executable": r"C:\\a\*\?"}, "condition": "test1"}),
        ("host.name : *", {"test1": {"host.name|exists": True}, "condition": "test1"}),
        ("http.response.status_code >= 500", {"test1": {"http.response.status_code|gte": 500}, "condition": "test1"}),
        ("message : refused", {"test1": {"message|contains": "refused"}, "condition": "test1"}),
        ("robocopy", {"test1": ["robocopy"], "condition": "test1"}),
        (
            "source.ip : 192.0.2.0/24 and not (user.name : a or user.name != b)",
            {
                "test1": {"source.ip": "192.0.2.0/24"},
                "test2": {"source.ip|cidr": "192.0.2.0/24"},
                "test3": {"user.name": "a"},
                "test4": {"user.name": "b"},
                "condition": "((test1 or test2) and not (test3 or not test4))",
            },
        ),
    ],
)
def test_filters_have_a_form_in_sigma(text: str, wanted: dict[str, object]):
    assert filter_as_detection(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The condition is empty"),
        ("user.name : a | limit 3", "A condition is a filter without pipes"),
        ("@timestamp > 2026-01-01", "A condition cannot compare times"),
        ("user.* : a", "A condition names each field"),
        ("user.name > alice", "A condition compares numbers with < and >"),
        ('user.name : ""', "The value is empty"),
        ("user.name : (", "The query"),
    ],
)
def test_what_sigma_cannot_say_is_refused_with_its_place(text: str, said: str):
    with pytest.raises(QueryError, match=said) as caught:
        filter_as_detection(text)
    assert caught.value.position is not None
    assert "^" in str(caught.value)
