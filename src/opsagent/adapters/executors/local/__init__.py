"""Commands on this machine: the executor `shell`, its sandbox, its start tokens and its launcher."""

from opsagent.adapters.executors.local.config import Backend, Limits, LocalConfig
from opsagent.adapters.executors.local.executor import LocalExecutor
from opsagent.adapters.executors.local.harden import harden_process

__all__ = ["Backend", "Limits", "LocalConfig", "LocalExecutor", "harden_process"]
