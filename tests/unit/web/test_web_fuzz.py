"""Whatever comes in, no door answers with a server error, and times are what was stored."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import orjson
import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsagent.web.app import bare_app
from opsagent.web.bodies import MAX_NUMBER
from opsagent.web.views import iso

ADDRESSES = sorted(
    (method, route.path)
    for route in iter_route_contexts(bare_app("1").routes)
    for method in route.methods or ()
    if method in {"POST", "PUT"}
)
SIGNED = {"/api/v1/trigger/slack", "/api/v1/slack/interactions"}  # Slack is refused in S1's own words
NAMES = st.sampled_from(
    ["taskDescription", "parameters", "mode", "title", "labels", "commands", "approve", "text", "runbookId", "on", "x"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_NUMBER, MAX_NUMBER)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
ENDLESS = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(address=st.sampled_from(ADDRESSES), body=JSON, part=st.text(min_size=1, max_size=10), step=st.text(max_size=5))
@settings(ENDLESS, max_examples=150)
async def test_no_json_breaks_a_door(web, address, body, part, step):
    method, path = address
    pieces = [quote(part, safe="") if piece.startswith("{") else piece for piece in path.split("/")]
    client = web.clients[0] if web.clients else web.client()
    raw = orjson.dumps(body)
    for kind in ("application/json", "text/markdown"):
        answer = await client.request(
            method, "/".join(pieces), params={"step_number": step}, content=raw, headers={"Content-Type": kind}
        )
        assert answer.status_code < 500, (answer.text, raw)
        if path in SIGNED:
            assert answer.content == b'{"error":"Invalid signature"}'
        elif answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/api/v1/trigger/api", "/api/v1/trigger/jira", "/api/v1/tickets/webhook/alertmanager", "/api/v1/runbooks"]
)
@given(raw=st.binary(max_size=200))
@ENDLESS
async def test_no_bytes_break_a_door(web, path, raw):
    for kind in ("application/json", "text/markdown", "\xff"):
        answer = await web.client().post(path, content=raw, headers={"Content-Type": kind.encode("latin-1")})
        assert answer.status_code < 500, answer.text


@given(at=st.floats(0, 4e9, allow_nan=False))
def test_times_are_utc_with_milliseconds(at):
    text = iso(at)
    assert text.endswith("Z")
    assert len(text) == len("2026-11-21T03:00:00.000Z")
    assert abs(datetime.fromisoformat(text).timestamp() - at) < 0.0011
