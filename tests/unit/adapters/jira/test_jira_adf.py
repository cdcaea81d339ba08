"""Atlassian's documents and plain text, both ways."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.intake.document import Value
from opsagent.adapters.jira import adf
from opsagent.errors import InputError

TEXT = st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=200)
LINES = st.text(alphabet="ab \n", max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "content", "text", "attrs", "marks", "href"]) | TEXT, inner)
        | st.builds(
            lambda kind, content: {"type": kind, "content": content, "attrs": {}, "text": "x"},
            st.sampled_from(["doc", "paragraph", "text", "bulletList", "listItem", "tableRow", "date", "mention", "?"]),
            st.lists(inner, max_size=3),
        )
    ),
    max_leaves=12,
)


def read(node: object) -> str:
    return adf.to_text(Value(node, "/description"))


@given(text=TEXT | LINES)
def test_text_comes_back_from_a_document(text: str) -> None:
    assert read(orjson.loads(orjson.dumps(adf.from_text(text)))) == text


@given(text=TEXT | st.sampled_from(["[~accountid:1]", "@all", "<b>x</b>", "{color:red}", "https://evil.example/x"]))
def test_text_stays_text(text: str) -> None:
    def nodes(node: object) -> list[adf.Node]:
        assert isinstance(node, dict)
        return [node, *(one for child in node.get("content", ()) for one in nodes(child))]

    whole = adf.document(*adf.paragraphs(text), adf.code_block(text), *([adf.bullets([text])] if text else []))
    found = nodes(whole)
    kinds = {"doc", "paragraph", "text", "hardBreak", "codeBlock", "bulletList", "listItem"}
    assert {node["type"] for node in found} <= kinds
    assert not any("marks" in node or "attrs" in node for node in found)
    assert all(node["text"] for node in found if node["type"] == "text"), "Jira refuses an empty text node"


@given(node=JSON)
def test_no_document_breaks_it(node: object) -> None:
    problem = None
    try:
        read(node)
    except InputError as refused:
        problem = refused
    assert problem is None or str(problem.extra["pointer"]).startswith("/description")


def test_what_editors_write_is_read_in_order() -> None:
    def words(text: str, **more: object) -> dict[str, object]:
        return {"type": "text", "text": text, **more}

    def paragraph(*content: object) -> dict[str, object]:
        return {"type": "paragraph", "content": list(content)}

    item = {"type": "listItem", "content": [paragraph(words("first")), paragraph(words("more"))]}
    row = {"type": "tableRow", "content": [{"type": "tableCell", "content": [paragraph(words(one))]} for one in "ab"]}
    link = {"type": "link", "attrs": {"href": "https://x.example/"}}
    whole = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 2}, "content": [words("Down", marks=[{"type": "strong"}])]},
            paragraph(
                words("Ask "),
                {"type": "mention", "attrs": {"id": "5b1", "text": "@Ada"}},
                {"type": "hardBreak"},
                words("here", marks=[link]),
                words(" or "),
                {"type": "inlineCard", "attrs": {"url": "https://y.example/"}},
                words(" by "),
                {"type": "date", "attrs": {"timestamp": "1582156800000"}},
                {"type": "emoji", "attrs": {"shortName": ":fire:"}},
                {"type": "status", "attrs": {"text": "HOT", "color": "red"}},
            ),
            {"type": "orderedList", "content": [item, item]},
            {"type": "codeBlock", "content": [words("df -h\nuptime")]},
            {"type": "panel", "attrs": {"panelType": "info"}, "content": [paragraph(words("mind"))]},
            {"type": "expand", "attrs": {"title": "More"}, "content": [paragraph(words("inside"))]},
            {"type": "table", "content": [row, row]},
            {"type": "rule"},
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"type": "file", "alt": "graph.png"}}]},
            {"type": "somethingNew", "content": [paragraph(words("kept"))]},
        ],
    }
    assert read(whole) == (
        "Down\n\nAsk @Ada\nhere (https://x.example/) or https://y.example/ by 2020-02-20:fire:HOT\n\n"
        "1. first\n  more\n2. first\n  more\n\ndf -h\nuptime\n\nmind\n\nMore\n\ninside\n\na | b\na | b\n\n---\n\n"
        "graph.png\n\nkept"
    )


def test_nesting_beyond_all_sense_is_cut() -> None:
    node: dict[str, object] = {"type": "text", "text": "the bottom"}
    for _ in range(5000):
        node = {"type": "blockquote", "content": [node]}
    assert read(node) == "…"


@pytest.mark.parametrize(
    ("node", "pointer"),
    [
        ({"type": 5}, "/description/type"),
        ({"type": "doc", "content": "x"}, "/description/content"),
        ({"type": "doc", "content": ["x"]}, "/description/content/0"),
        ({"type": "doc", "content": [{"type": "text", "text": 1}]}, "/description/content/0/text"),
        ({"type": "text", "text": "x", "marks": [{"type": "link", "attrs": 1}]}, "/description/marks/0/attrs"),
    ],
)
def test_what_is_no_document_is_named(node: object, pointer: str) -> None:
    with pytest.raises(InputError) as refused:
        read(node)
    assert refused.value.extra["pointer"] == pointer
