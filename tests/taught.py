"""A draft in the store of a served OpsAgent, as a resolved run would leave one, without a model to resolve it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.draft import Draft
from opsagent.domain.run import Verified


def teach(folder: Path, text: str, *, runbook_id: str, title: str, run_id: str, connection: str = "") -> None:
    """Keep the draft; its run need not be there."""
    draft = Draft(
        tenant="default",
        run_id=run_id,
        runbook_id=runbook_id,
        title=title,
        text=text,
        verified=Verified.YES,
        created_at=SystemClock().now(),
        notes=("The second step has no undo.",),
        connection=connection,
    )

    async def keep() -> None:
        stores = open_sqlite(SqliteConfig(folder=folder, exclusive=False), SystemClock(), SystemIds())
        await stores.housekeeping.open()
        try:
            await stores.drafts.put(draft)
        finally:
            await stores.housekeeping.close()

    # The browser's driver has a loop of its own in this thread.
    keeping = threading.Thread(target=lambda: asyncio.run(keep()))
    keeping.start()
    keeping.join()
