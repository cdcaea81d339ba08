"""What was deployed."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, select

from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.triage_tables import deployments
from opsagent.adapters.stores.upsert import insert_new
from opsagent.domain.deployment import Deployment


class SqlDeployments:
    """DeploymentStore over SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def put(self, deployment: Deployment) -> Deployment:
        """Store it and return what is stored: one whose id exists is left as it is."""
        row = asdict(deployment)
        stored = select(deployments).where(deployments.c.tenant == deployment.tenant, deployments.c.id == deployment.id)

        def work(connection: Connection) -> Deployment:
            insert_new(connection, deployments, [row])
            return Deployment(**connection.execute(stored).mappings().one())

        return await self._engine.write("deployments.put", work)

    async def list(
        self, tenant: str, *, service: str = "", environment: str = "", since: float = 0.0, limit: int = 50
    ) -> Sequence[Deployment]:
        """Newest first; an empty service or environment stands for all."""
        query = select(deployments).where(deployments.c.tenant == tenant, deployments.c.at >= since)
        if service:
            query = query.where(deployments.c.service == service)
        if environment:
            query = query.where(deployments.c.environment == environment)
        query = query.order_by(deployments.c.at.desc(), deployments.c.id.desc()).limit(limit)

        def work(connection: Connection) -> builtins.list[Deployment]:
            return [Deployment(**row) for row in connection.execute(query).mappings()]

        return await self._engine.read(work)
