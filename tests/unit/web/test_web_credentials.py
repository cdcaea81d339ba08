"""Credentials by the API: values go in and never come out, and only an admin gets near them."""

from __future__ import annotations

import pytest

BODY = {"kind": "password", "values": {"username": "ops", "password": "s3cret-of-db"}}


async def test_a_value_goes_in_and_never_comes_out(web):
    admin = web.client("admin")
    stored = await admin.put("/api/v1/credentials/db", json=BODY)
    assert (stored.status_code, stored.json()["version"], stored.json()["kind"]) == (200, 1, "password")
    again = await admin.put("/api/v1/credentials/db", json=BODY)
    assert again.json()["version"] == 2
    answers = [stored, again, await admin.get("/api/v1/credentials"), await admin.get("/api/v1/credentials/db")]
    assert not [one for one in answers if "s3cret-of-db" in one.text]
    assert (await admin.delete("/api/v1/credentials/db")).status_code == 204
    assert (await admin.get("/api/v1/credentials/db")).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_only_an_admin_gets_near_them(web, role):
    client = web.client(role)
    for method, path in (("GET", ""), ("GET", "/db"), ("PUT", "/db"), ("DELETE", "/db"), ("POST", "/rotate-key")):
        assert (await client.request(method, f"/api/v1/credentials{path}", json=BODY)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "password"},
        {"kind": "password", "values": {"username": "ops"}},
        {"kind": "token", "values": {"password": "s3cret-of-db"}},
        {"kind": "moon", "values": {}},
        {"kind": "token", "keeper": "vault", "reference": "x"},
        {"kind": "token", "keeper": "file", "values": {"token": "s3cret-of-db"}},
    ],
)
async def test_what_does_not_fit_is_refused_without_repeating_it(web, body):
    answer = await web.client("admin").put("/api/v1/credentials/db", json=body)
    assert answer.status_code == 422
    assert answer.json()["fix"]
    assert "s3cret-of-db" not in answer.text


async def test_the_key_is_rotated(web):
    admin = web.client("admin")
    await admin.put("/api/v1/credentials/db", json=BODY)
    assert (await admin.post("/api/v1/credentials/rotate-key")).json() == {"resealed": 0}


async def test_a_freeze_is_set_listed_and_lifted(web):
    operator = web.client("operator")
    body = {"endsAt": "2999-01-01T00:00:00Z", "reason": "release night", "environments": ["prod"]}
    made = await operator.post("/api/v1/freezes", json=body)
    assert (made.status_code, made.json()["reason"]) == (201, "release night")
    (listed,) = (await operator.get("/api/v1/freezes")).json()["freezes"]
    assert listed == made.json()
    assert (await operator.delete(f"/api/v1/freezes/{listed['freezeId']}")).status_code == 204
    assert (await operator.get("/api/v1/freezes")).json() == {"freezes": []}
    past = await operator.post("/api/v1/freezes", json=body | {"endsAt": "2001-01-01T00:00:00Z"})
    assert past.status_code == 422
    assert (await web.client("viewer").post("/api/v1/freezes", json=body)).status_code == 403
