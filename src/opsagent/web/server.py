"""uvicorn around the app: bounded frames, and live streams that end when the server does."""

from __future__ import annotations

import socket as sockets_of_the_system

import uvicorn
from fastapi import FastAPI

from opsagent.web.app import close_streams
from opsagent.web.live import streams_of_app

_MAX_FRAME_BYTES = 64 * 1024  # all a client ever sends on a socket is its key
_GRACE_S = 10  # what an answer in progress may still take
_GOODBYE_S = 1.0  # what a stream may take to say that it ends; uvicorn would cut a socket off with 1012


class Server(uvicorn.Server):
    """Ends the live streams first, because uvicorn waits for open answers before it tells the app to stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        self._opsagent = app
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=_MAX_FRAME_BYTES,
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # else anybody on this machine could choose the address it is limited by
                timeout_graceful_shutdown=_GRACE_S,
                lifespan="on",
            )
        )

    async def shutdown(self, sockets: list[sockets_of_the_system.socket] | None = None) -> None:
        """Go down: streams end, answers in progress finish, then the app."""
        close_streams(self._opsagent)
        await streams_of_app(self._opsagent).emptied(_GOODBYE_S)
        await super().shutdown(sockets)
