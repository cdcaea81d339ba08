"""What a process holds before others are forked from it (see forked.py): every module, table and policy of a server."""

from __future__ import annotations

import gc
import importlib

from opsagent.bootstrap import build
from opsagent.settings import Settings

for _name in (
    "langchain_openai",
    "langgraph.graph.state",
    "opsagent.adapters.stores.migrate",
    "opsagent.cli.app",
    "opsagent.cli.server",
    "opsagent.loop.graph",
    "opsagent.web.app",
    "served_victim",
    "victim",
):
    importlib.import_module(_name)
build(Settings.load({"data_dir": "/nowhere"}, environ={}), serving=False)  # reads the tables, opens nothing
gc.freeze()  # what is never collected is never copied either
