"""Spending over HTTP: read by readers, by day and model, each tenant's own."""

from __future__ import annotations

from opsagent.domain.spending import Amount, Booking, Budget


async def test_days_are_told_with_their_models_and_cost(web) -> None:
    most = Amount(tokens=100, micros=250_000)
    booking = Booking(tenant="default", run_id="r1", day="2023-11-14", most=most, model="openai:m")
    for tenant in ("default", "other"):
        await web.agent.stores.spending.book(Booking(
            tenant=tenant, run_id="r1", day=booking.day, most=most, model="openai:m"
        ), Budget())  # fmt: skip
    found = (await web.client("viewer").get("/api/v1/spending", params={"days": 3650})).json()
    part = {"model": "openai:m", "tokens": 100, "cost": 0.25}
    assert found["days"] == [{"day": "2023-11-14", "tokens": 100, "cost": 0.25, "models": [part]}]
    assert (await web.client("intake").get("/api/v1/spending")).status_code == 403
    assert (await web.client("viewer").get("/api/v1/spending", params={"days": 0})).status_code == 422


async def test_a_run_says_what_its_questions_cost(web) -> None:
    run = await web.run()
    session, report = f"/api/v1/agent/{run.id}", f"/api/agent-ops/{run.id}/report"
    viewer = web.client("viewer")
    assert (await viewer.get(session)).json()["cost"] == 0
    assert "Cost" not in (await viewer.get(report)).text
    booking = Booking(tenant="default", run_id=run.id, day="2023-11-14", most=Amount(tokens=9, micros=12_300))
    await web.agent.stores.spending.book(booking, Budget())
    assert (await viewer.get(session)).json()["cost"] == 0.0123
    assert "- Cost by the prices that were set: 0.0123" in (await viewer.get(report)).text
