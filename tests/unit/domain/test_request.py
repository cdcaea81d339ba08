"""What a request may look like, where a value may stand in one, and that it never leaves its place."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.languages import holes_in, render
from opsagent.domain.render import Values
from opsagent.domain.request import origin, parse_request
from opsagent.errors import InputError

BASE = "https://api.example.com:8443/v1"
TEMPLATE = """POST /orders/{{path}}/lines/a-{{path}}?state={{query}}&x=1&q={{query}}
Content-Type: application/json
X-Reason: because {{header}} said

{"name": "{{text}}", "n": {{number}}, "list": ["a {{text}} b", {{ number }}], "deep": {"k": "{{text}}"}}"""
FORM = "POST /f\nContent-Type: application/x-www-form-urlencoded\n\na={{form}}&b=2"
ANY = st.text(min_size=1, max_size=30)
NASTY = st.text(alphabet="a/.%?#&=+;:@\\\"'{}[], \r\n\t0129-eE\u00e9\u202e", min_size=1, max_size=12)


def test_a_request_is_read() -> None:
    request = parse_request(
        'PUT /a/b?c=d%20e\nContent-Type: application/json; charset=utf-8\nX-One:  1 2\n\n{"a":\n1}\n'
    )
    assert (request.method, request.target) == ("PUT", "/a/b?c=d%20e")
    assert request.headers == (("Content-Type", "application/json; charset=utf-8"), ("X-One", "1 2"))
    assert request.body == '{"a":\n1}\n'
    assert request.url(BASE).geturl() == f"{BASE}/a/b?c=d%20e"
    assert origin(request.url(BASE)) == ("https", "api.example.com", 8443)
    assert origin(parse_request("GET https://API.example.com./x").url(BASE)) == ("https", "api.example.com", 443)
    assert parse_request("GET /").body == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET",
        "GET  /two-spaces",
        "get /small",
        "BREW /pot",
        "CONNECT host:443",
        "GET /a b",
        "GET /a ",
        "GET /a HTTP/1.1",
        "GET relative",
        "GET //evil.example/x",
        "GET /a//b",
        "GET /a/../b",
        "GET /a/./b",
        "GET /a/%2e%2e/b",
        "GET /a/..;x/b",
        "GET /a/%2E;/b",
        "GET /a%2fb",
        "GET /a%5Cb",
        "GET /a\\b",
        "GET /a%252e",
        "GET /a%00",
        "GET /a%zz",
        "GET /a?b=%zz",
        "GET /a#b",
        "GET /\u00e9",
        "GET https://user@host/",
        "GET https://user:password@host/",
        "GET HTTPS://host/",
        "GET ftp://host/",
        "GET https:///x",
        "GET https://host:0/",
        "GET https://host:99999/",
        "GET https://[::zz]/",
        "GET https://host/../x",
        "GET /a\nHost: other",
        "GET /a\nContent-Length: 3",
        "GET /a\nTransfer-Encoding: chunked",
        "GET /a\nconnection: close",
        "GET /a\nAuthorization: Bearer x",
        "GET /a\nX: 1\nx: 2",
        "GET /a\n folded: 1",
        "GET /a\nX 1",
        "GET /a\nX : 1",
        "GET /a\nX:",
        "GET /a\nX: \u00e9",
        "GET /a\r\nX: 1",
        "GET /a\nX: a\rHost: b",
        "GET /a\x00",
        "POST /a\n\nbody without a type",
        "POST /a\nContent-Type: application/json\n\n{",
        'POST /a\nContent-Type: application/json\n\n{"a":1,"a":2}',
        "POST /a\nContent-Type: application/json\n\nNaN",
        "POST /a\nContent-Type: application/json\n\n" + "[" * 100_000,
    ],
)
def test_what_two_could_read_differently_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_request(text)
    assert caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "{{x}} /a",
        "GET {{x}}",
        "GET https://{{x}}/a",
        "GET https://host.{{x}}/a",
        "GET https://host:{{x}}/a",
        "GET {{x}}://host/a",
        "GET /a?{{x}}",
        "GET /a?{{x}}=1",
        "GET /a?b=1&{{x}}",
        "GET /a\n{{x}}: 1",
        "GET /a\nX-{{x}}: 1",
        "POST /a\nContent-Type: {{x}}\n\nbody",
        "POST /a\nContent-Type: text/plain\n\n{{x}}",
        'POST /a\nContent-Type: application/json\n\n{"{{x}}": 1}',
        'POST /a\nContent-Type: application/json\n\n{"a{{x}}" : 1}',
        'POST /a\nContent-Type: application/json\n\n{"a": 1{{x}}}',
        'POST /a\nContent-Type: application/json\n\n{"a": -{{x}}}',
        'POST /a\nContent-Type: application/json\n\n{"a": {{x}}.5}',
        'POST /a\nContent-Type: application/json\n\n{"a": "\\{{x}}"}',
        'POST /a\nContent-Type: application/json\n\n{"a": "\\u12{{x}}"}',
        "POST /a\nContent-Type: application/x-www-form-urlencoded\n\n{{x}}=1",
        "POST /a\nContent-Type: application/x-www-form-urlencoded\n\na=1&{{x}}",
    ],
)
def test_a_value_may_not_stand_there(text: str) -> None:
    assert [hole.problem for hole in holes_in("http", text) if hole.problem]
    with pytest.raises(InputError):
        render("http", text, Values(captures={"x": "1"}))


def test_every_value_is_encoded_for_its_place_and_says_where_it_is_from() -> None:
    values = {"path": "a b;é", "query": "1&x=2", "header": "so~it:is", "text": 'say "hi"\\', "number": "4.5e3"}
    assert not [hole.problem for hole in holes_in("http", TEMPLATE) if hole.problem]
    rendered = render("http", TEMPLATE, Values(captures=values))
    assert rendered.text.startswith(
        "POST /orders/a%20b%3B%C3%A9/lines/a-a%20b%3B%C3%A9?state=1%26x%3D2&x=1&q=1%26x%3D2\n"
    )
    assert "X-Reason: because so~it:is said\n" in rendered.text
    body = json.loads(parse_request(rendered.text).body)
    assert body == {
        "name": 'say "hi"\\',
        "n": 4500.0,
        "list": ['a say "hi"\\ b', 4500.0],
        "deep": {"k": 'say "hi"\\'},
    }
    marked = [(rendered.text[one.start : one.end], one.origin) for one in rendered.outside]
    assert ("a%20b%3B%C3%A9", "capture path") in marked
    assert ("4.5e3", "capture number") in marked
    assert len(marked) == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("path", value) for value in (".", "..", "a/b", "..\\x", "%2e", "..;x")),
        *(("header", value) for value in ("a\r\nHost: b", "a b", "a,b", "a;b", 'a"', "é")),
        *(("number", value) for value in ("x", "1,2", "01", "1 ", "NaN", "true", "1}")),
        ("text", "a\nb"),
    ],
)
def test_a_value_that_does_not_fit_its_place_is_refused(name: str, value: str) -> None:
    template = {
        "path": "GET /a/{{x}}/b",
        "header": "GET /a\nX: {{x}}",
        "number": 'POST /a\nContent-Type: application/json\n\n{"a": {{x}}}',
        "text": 'POST /a\nContent-Type: application/json\n\n{"a": "{{x}}"}',
    }[name]
    with pytest.raises(InputError):
        render("http", template, Values(captures={"x": value}))


def test_two_dots_from_two_values_are_refused() -> None:
    with pytest.raises(InputError, match=r"\.\."):
        render("http", "GET /a/{{x}}{{y}}/b", Values(captures={"x": ".", "y": "."}))


@given(path=ANY | NASTY, query=ANY | NASTY, header=ANY | NASTY, text=ANY | NASTY, form=ANY | NASTY)
def test_a_value_never_leaves_its_place(path: str, query: str, header: str, text: str, form: str) -> None:
    for name, value in (("path", path), ("query", query), ("header", header), ("text", text), ("form", form)):
        values = {"path": "p", "query": "q", "header": "h", "text": "t", "number": "7", "form": "f"} | {name: value}
        template = FORM if name == "form" else TEMPLATE
        try:
            request = parse_request(render("http", template, Values(captures=values)).text)
        except InputError:
            continue
        if name == "form":
            assert parse_qsl(request.body, keep_blank_values=True) == [("a", value), ("b", "2")]
            continue
        url = urlsplit(f"{BASE}{request.target}")
        segments = [unquote(segment) for segment in url.path.split("/")]
        assert url.netloc == "api.example.com:8443"
        assert segments == ["", "v1", "orders", values["path"], "lines", f"a-{values['path']}"]
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
        assert pairs == [("state", values["query"]), ("x", "1"), ("q", values["query"])]
        assert request.headers == (
            ("Content-Type", "application/json"),
            ("X-Reason", f"because {values['header']} said"),
        )
        told = values["text"]
        expected = {"name": told, "n": 7, "list": [f"a {told} b", 7], "deep": {"k": told}}
        assert json.loads(request.body) == expected


@given(st.text(max_size=60) | st.text(alphabet='GET /a?{x}\n:"\\,1', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        request = parse_request(text)
    except InputError:
        return
    assert request.url(BASE).hostname


@given(st.text(alphabet='GET /a?{}x \n:"\\,1=&', max_size=60))
def test_the_holes_of_any_text_can_be_told(text: str) -> None:
    assert all(hole.name for hole in holes_in("http", f"{text}{{{{x}}}}"))
