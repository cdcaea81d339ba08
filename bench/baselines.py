"""The bare things we are measured beside: an endpoint that commits each row, one that commits many at once, a graph."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

from fastapi import FastAPI
from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, event, insert

metadata = MetaData()
rows = Table("runs", metadata, Column("id", String, primary_key=True), Column("task", String), Column("status", String))


def engine_at(folder: Path) -> Engine:
    engine = create_engine(f"sqlite:///{folder / 'bare.db'}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=10000")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    metadata.create_all(engine)
    return engine


def each_row(folder: Path) -> FastAPI:
    """One commit a request, in FastAPI's thread pool: what people write first."""
    engine = engine_at(folder)
    app = FastAPI()

    @app.post("/")
    def accept(body: dict[str, str]) -> dict[str, str]:
        run_id = str(uuid.uuid4())
        with engine.begin() as connection:
            connection.execute(insert(rows).values(id=run_id, task=body["task"], status="queued"))
        return {"runId": run_id}

    return app


def many_rows(folder: Path) -> FastAPI:
    """One writer task commits what has queued."""
    engine = engine_at(folder)
    queue: asyncio.Queue[tuple[dict[str, str], asyncio.Future[None]]] = asyncio.Queue()

    def commit(values: list[dict[str, str]]) -> None:
        with engine.begin() as connection:
            connection.execute(insert(rows), values)

    async def write() -> None:
        while True:
            batch = [await queue.get()]
            while not queue.empty():
                batch.append(queue.get_nowait())
            await asyncio.to_thread(commit, [value for value, _ in batch])
            for _, done in batch:
                done.set_result(None)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        task = asyncio.create_task(write())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/")
    async def accept(body: dict[str, str]) -> dict[str, str]:
        run_id = str(uuid.uuid4())
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.put_nowait(({"id": run_id, "task": body["task"], "status": "queued"}, done))
        await done
        return {"runId": run_id}

    return app


class Five(TypedDict):
    """The state of the bare graph."""

    n: int


def bare_graph() -> Any:
    """Five nodes that add one."""
    from langgraph.graph import END, START, StateGraph

    async def add(state: Five) -> Five:
        return {"n": state["n"] + 1}

    graph = StateGraph(Five)
    names = [f"n{number}" for number in range(5)]
    for name in names:
        graph.add_node(name, add)
    for one, other in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(one, other)
    return graph.compile()


def main() -> None:
    """Serve one of the endpoints: `python -m bench.baselines each|many FOLDER PORT`."""
    import uvicorn

    which, folder, port = sys.argv[1:4]
    app = (each_row if which == "each" else many_rows)(Path(folder))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
