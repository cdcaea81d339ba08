"""docs/api.md says what the routes are."""

from __future__ import annotations

from pathlib import Path

from fastapi.routing import iter_route_contexts

from opsagent.web.app import bare_app
from opsagent.web.openapi import document
from opsagent.web.reference import api_reference

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
WRITE_IT = "python -c 'from opsagent.web.reference import api_reference as page; print(page())' > docs/api.md"


def test_the_page_is_what_the_routes_say():
    assert PAGE.read_text(encoding="utf-8") == api_reference() + "\n", (
        f"docs/api.md is stale; write it anew: {WRITE_IT}"
    )


def test_every_route_is_on_the_page():
    page = api_reference()
    for route in iter_route_contexts(bare_app("1").routes):
        for method in route.methods or {"WS"}:
            assert f"### `{method} {route.path}`" in page


def test_every_operation_is_described():
    for path, operations in document(bare_app("1"))["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert operation["tags"], (method, path)
