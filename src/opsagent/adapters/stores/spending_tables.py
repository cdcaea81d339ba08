"""The table of what was spent on models; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table

from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata

spending = Table(
    "spending",
    metadata,
    _key("tenant"),
    _key("run_id"),  # empty in the row of a day; the name of a model in the row of its part of a day
    _key("day"),  # empty in the row of a run
    Column("tokens", BigInteger, nullable=False),
    Column("micros", BigInteger, nullable=False),
)
