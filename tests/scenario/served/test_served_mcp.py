"""`opsagent mcp` as a client starts it: before a server, for a server elsewhere, and on a folder without one."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, McpError, StdioServerParameters, stdio_client

from opsagent.web.mcp_tools import TOOLS
from served import Caller, Served, Shop, environment


@asynccontextmanager
async def session(*arguments: str) -> AsyncIterator[ClientSession]:
    started = StdioServerParameters(
        command=sys.executable, args=["-m", "opsagent", "mcp", *arguments], env=environment()
    )
    async with stdio_client(started) as (hears, says), ClientSession(hears, says) as made:
        await made.initialize()
        yield made


async def call(made: ClientSession, tool: str, **arguments: object) -> Any:
    answer = await made.call_tool(tool, arguments)
    text = answer.content[0].text  # type: ignore[union-attr]
    assert not answer.isError, text
    return json.loads(text)


async def test_before_the_server_of_the_folder_a_question_is_read_and_stays_one(
    served: Served, admin: Caller, shop: Shop
) -> None:
    run_id = shop.execute(admin)
    asked = admin.question(run_id)
    async with session("--data-dir", str(served.folder)) as made:
        assert {tool.name for tool in (await made.list_tools()).tools} == {tool.name for tool in TOOLS}
        questions = (await call(made, "list_approvals"))["approvals"]
        assert asked["approvalId"] in {one["approvalId"] for one in questions}
        run = await call(made, "show_run", runId=run_id)
        assert run["status"] == "awaiting_approval"
        for name in ("approve", "approve_step", "decide"):
            refused = await made.call_tool(name, {"approvalId": asked["approvalId"], "approve": True})
            assert refused.isError
    assert not shop.healthy.exists()
    assert admin.get_json(f"/api/v1/agent/{run_id}")["status"] == "awaiting_approval"


async def test_a_server_elsewhere_takes_the_key_of_a_file(served: Served, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{served.new_caller('viewer').key}\n")
    async with session("--url", served.url, "--key-file", str(key)) as made:
        assert "start_run" not in {tool.name for tool in (await made.list_tools()).tools}
        assert (await made.call_tool("start_run", {"task": "x"})).isError
        assert "runs" in await call(made, "list_runs")
    key.write_text("opsa_wrong\n")
    with pytest.raises(BaseExceptionGroup) as raised:
        async with session("--url", served.url, "--key-file", str(key)):
            pass
    assert raised.group_contains(McpError, match="no key that works here")


async def test_a_folder_without_a_server_is_worked_on_while_it_is_open(tmp_path: Path) -> None:
    async with session("--data-dir", str(tmp_path / "data")) as made:
        started = await call(made, "start_run", task="is there room on the disk?")
        run = await call(made, "show_run", runId=started["runId"])
        while run["completedAt"] is None:
            run = await call(made, "show_run", runId=started["runId"])
        lines = (await call(made, "run_timeline", runId=started["runId"]))["events"]
        assert lines[-1]["eventType"] == "final"
