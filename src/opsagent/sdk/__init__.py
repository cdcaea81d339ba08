"""The public Python API: hand in work, follow it, and pass a person's answers on.

async with OpsAgent(data_dir="/var/lib/opsagent", person="ada@example.org") as agent:
    run = await agent.execute("disk full on /var")
    for question in await agent.pending(run.id):
        print(question.command)                      # show it to the person
        run = await agent.approve(question)
"""

from __future__ import annotations

from opsagent.domain.approval import Approval
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, Run, RunStatus
from opsagent.errors import OpsAgentError
from opsagent.loop.views import RunView
from opsagent.sdk.client import OpsAgent
from opsagent.sdk.notifications import NotificationService, Told

__all__ = [
    "Approval",
    "Mode",
    "NotificationService",
    "OpsAgent",
    "OpsAgentError",
    "Priority",
    "Run",
    "RunStatus",
    "RunView",
    "Told",
]
