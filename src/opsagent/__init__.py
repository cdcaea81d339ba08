"""OpsAgent: a self-hosted operations agent. `opsagent.OpsAgent` is its Python API, loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsagent.sdk import (
        Approval,
        Mode,
        NotificationService,
        OpsAgent,
        OpsAgentError,
        Priority,
        Run,
        RunStatus,
        RunView,
        Told,
    )

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


def __getattr__(name: str) -> object:
    if name in __all__:
        from opsagent import sdk

        return getattr(sdk, name)
    raise AttributeError(f"module 'opsagent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
