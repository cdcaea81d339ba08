"""How often a runbook was followed and helped: counted in the transaction that ends the run, so once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from opsagent.adapters.stores.library_tables import runbook_uses
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.library import Uses
from opsagent.domain.run import Run, Verified

_COUNTS = ("used", "yes", "no", "not_measurable")
_OF_TENANT = select(runbook_uses).where(runbook_uses.c.tenant == bindparam("of")).order_by(runbook_uses.c.id)
_COUNT = (
    update(runbook_uses)
    .where(runbook_uses.c.tenant == bindparam("of"), runbook_uses.c.id == bindparam("named"))
    .values({name: runbook_uses.c[name] + bindparam(f"more_{name}") for name in _COUNTS})
    .values(last_at=bindparam("at"), last_run=bindparam("run"), last_result=bindparam("result"))
)


def note_use(connection: Connection, run: Run, now: float) -> None:
    """Count an ended run that came to a step of its runbook; one that only measured did not use it."""
    if not run.runbook_id or not run.generate_starts:
        return
    result = (run.verified or Verified.NOT_MEASURABLE).value if run.had_effect else "looked"
    nothing: dict[str, Any] = {"last_at": now, "last_run": "", "last_result": ""}
    insert_new(connection, runbook_uses, [{"tenant": run.tenant, "id": run.runbook_id, **nothing}])
    counted = {f"more_{name}": int(name in {"used", result}) for name in _COUNTS}
    values = {"of": run.tenant, "named": run.runbook_id, "at": now, "run": run.id, "result": result, **counted}
    connection.execute(_COUNT, values)


def uses_of(connection: Connection, tenant: str) -> list[Uses]:
    """All of the tenant, by id."""
    rows = connection.execute(_OF_TENANT, {"of": tenant}).all()
    return [
        Uses(
            runbook_id=row.id,
            used=row.used,
            yes=row.yes,
            no=row.no,
            not_measurable=row.not_measurable,
            last_at=row.last_at,
            last_run=row.last_run,
            last_result=row.last_result,
        )
        for row in rows
    ]
