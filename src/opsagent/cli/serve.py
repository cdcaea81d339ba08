"""`opsagent serve`: the server, its workers and its outbox in this process, until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place
from opsagent.cli.perform import fast_loop, finish


def serve(
    *,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on; also OPSAGENT_HOST.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="Port; 0 takes a free one. Also OPSAGENT_PORT.", show_default="8080"
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Start the server on a data folder. SIGTERM and Ctrl-C stop it: running commands are finished or parked."""
    place = Place(data_dir=data_dir, as_json=as_json)

    async def work() -> Exit:
        from opsagent.bootstrap.outfit import start_logs
        from opsagent.cli.server import Serving
        from opsagent.settings import Settings

        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = Settings.load({**place.overrides(), **given})
        start_logs(settings)
        return await Serving(settings=settings, as_json=as_json).run()

    finish(place, work, loops=fast_loop())
