"""What was spent on models, counted before it is asked and put right after the answer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, or_, select, update

from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.spending_tables import spending
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.spending import MICROS, Amount, Booking, Budget, DaySpent
from opsagent.errors import BudgetSpent

_TOKENS, _MICROS = spending.c.tokens, spending.c.micros


class SqlSpending:
    """SpendingStore over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def book(self, booking: Booking, budget: Budget) -> None:
        """Count it for the run and the day, or for neither. BudgetSpent."""

        def work(connection: Connection) -> None:
            _count(connection, booking, budget.run, run_id=booking.run_id)  # the run first, always: no deadlock
            _count(connection, booking, budget.day, day=booking.day)
            if booking.model:
                _count(connection, booking, Amount(), run_id=booking.model, day=booking.day)

        await self._engine.write("spending.book", work)

    async def settle(self, booking: Booking, spent: Amount) -> None:
        """Put what it cost in place of what was booked."""
        more = {"tokens": spent.tokens - booking.most.tokens, "micros": spent.micros - booking.most.micros}
        statement = (
            update(spending)
            .where(
                spending.c.tenant == booking.tenant,
                or_(
                    and_(spending.c.run_id == booking.run_id, spending.c.day == ""),
                    and_(spending.c.run_id.in_({"", booking.model}), spending.c.day == booking.day),
                ),
            )
            .values(tokens=_TOKENS + more["tokens"], micros=_MICROS + more["micros"])
        )

        def work(connection: Connection) -> None:
            connection.execute(statement)

        await self._engine.write("spending.settle", work)

    async def spent(self, tenant: str, *, run_id: str = "", day: str = "") -> Amount:
        """What a run or a day has taken."""
        return await self._engine.read(lambda connection: _read(connection, tenant, run_id, day))

    async def days(self, tenant: str, *, since: str) -> Sequence[DaySpent]:
        """The days from `since` on, the newest first."""
        query = (
            select(spending.c.day, spending.c.run_id, _TOKENS, _MICROS)
            .where(spending.c.tenant == tenant, spending.c.day >= since, spending.c.day != "")
            .order_by(spending.c.day.desc(), spending.c.run_id)
        )

        def work(connection: Connection) -> list[DaySpent]:
            found: dict[str, dict[str, Amount]] = {}
            for row in connection.execute(query):
                found.setdefault(row.day, {})[row.run_id] = Amount(tokens=row.tokens, micros=row.micros)
            return [DaySpent(day=day, whole=parts.pop("", Amount()), models=parts) for day, parts in found.items()]

        return await self._engine.read(work)


def _count(connection: Connection, booking: Booking, limit: Amount, *, run_id: str = "", day: str = "") -> None:
    key = {"tenant": booking.tenant, "run_id": run_id, "day": day}
    insert_new(connection, spending, [{**key, "tokens": 0, "micros": 0}])
    tokens, micros = _TOKENS + booking.most.tokens, _MICROS + booking.most.micros
    statement = update(spending).where(*(spending.c[name] == value for name, value in key.items()))
    if limit.tokens:
        statement = statement.where(tokens <= limit.tokens)
    if limit.micros:
        statement = statement.where(micros <= limit.micros)
    if connection.execute(statement.values(tokens=tokens, micros=micros)).rowcount == 0:
        raise _over(_read(connection, booking.tenant, run_id, day), booking, limit, run_id=run_id)


def _read(connection: Connection, tenant: str, run_id: str, day: str) -> Amount:
    row = connection.execute(
        select(_TOKENS, _MICROS).where(spending.c.tenant == tenant, spending.c.run_id == run_id, spending.c.day == day)
    ).first()
    return Amount(tokens=row.tokens, micros=row.micros) if row else Amount()


def _over(so_far: Amount, booking: Booking, limit: Amount, *, run_id: str) -> BudgetSpent:
    whose = "this run" if run_id else f"this tenant on {booking.day} (UTC)"
    if limit.tokens and so_far.tokens + booking.most.tokens > limit.tokens:
        taken = f"{so_far.tokens:,} of {limit.tokens:,} tokens are spent, and one more question may take"
        said = f"{taken} {booking.most.tokens:,}"
    else:
        taken = f"{so_far.micros / MICROS:.4f} of {limit.micros / MICROS:.4f} is spent, and one more question may cost"
        said = f"{taken} {booking.most.micros / MICROS:.4f}"
    setting = "OPSAGENT_MODEL_RUN_*" if run_id else "OPSAGENT_MODEL_DAY_*"
    return BudgetSpent(
        f"The budget for models of {whose} does not reach: {said}.",
        fix=f"Raise it ({setting}), or go on by hand or with a runbook.",
    )
