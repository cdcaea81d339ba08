"""Counts the looks that ended, day by day: each of the two reads is answered by one index alone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, literal_column, select

from opsagent.adapters.stores.triage_tables import endings, feedback
from opsagent.domain.ending import Closing, Day, How, Rate

DAY_S = 86400
_DAY = (cast(endings.c.at, BigInteger) // DAY_S).label("day")  # whole seconds first: a cast rounds on PostgreSQL
# Written out and not bound, or SQLite does not see that the index on such rows answers.
_AUTOMATIC = endings.c.closing != literal_column(f"'{Closing.NONE.value}'")
_REPAIRED = endings.c.how == How.REPAIRED.value
_ENDED = select(
    _DAY,
    *[
        func.sum(case((endings.c.how == how.value, 1), else_=0)).label(how.value)
        for how in (How.REPAIRED, How.BY_ITSELF, How.REMAINED, How.UNMEASURED)
    ],
    func.count(endings.c.began_at).label("detected"),
    func.avg(endings.c.opened_at - endings.c.began_at).label("detect_s"),
    func.count(case((_REPAIRED, endings.c.opened_at))).label("timed"),
    func.avg(case((_REPAIRED, endings.c.at - endings.c.opened_at))).label("repair_s"),
).group_by("day")


def days_since(
    connection: Connection, tenant: str, since: int, *, said: ColumnElement[bool], wrong: ColumnElement[bool]
) -> Sequence[Day]:
    """In order, from the day of that number on. `said` joins a person's word; `wrong` is whether closing was."""
    lately = (endings.c.tenant == tenant, endings.c.at >= since * DAY_S)
    closed = (
        select(_DAY, func.count().label("total"), func.sum(case((wrong, 1), else_=0)).label("wrong"))
        .select_from(endings.outerjoin(feedback, said))
        .where(*lately, _AUTOMATIC, endings.c.closing == Closing.CLOSED.value)
        .group_by("day")
    )
    rates = {row.day: Rate(total=row.total, wrong=row.wrong) for row in connection.execute(closed)}
    found = connection.execute(_ENDED.where(*lately).order_by("day")).all()
    return [
        Day(
            number=row.day,
            repaired=row.repaired,
            by_itself=row.by_itself,
            remained=row.remained,
            unmeasured=row.unmeasured,
            detected=row.detected,
            detect_s=row.detect_s,
            timed=row.timed,
            repair_s=row.repair_s,
            closed=rates.get(row.day, Rate(total=0, wrong=0)),
        )
        for row in found
    ]
