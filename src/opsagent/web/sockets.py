"""One rule for every WebSocket, whatever is mounted: it comes from our own page, and from somebody we know."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from opsagent.domain.identity import Permission
from opsagent.errors import Forbidden, OpsAgentError
from opsagent.web.auth import asking, require
from opsagent.web.doorman import doorman_of
from opsagent.web.problems import problem

# Its routes declare a permission each, and take a key in the first message as well, which nobody can see here.
_OWN_ROUTES = "/ws/"


class SocketOrigin:
    """Refuses sockets opened by another site's page (RFC 6455, section 10.2); programs send no Origin at all.

    A socket below a mount must come with a key or in a session, and its holder must be allowed to read: a framework
    that is mounted may take any origin and ask nobody who they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is ours."""
        if scope["type"] == "websocket":
            try:
                await _admit(HTTPConnection(scope))
            except OpsAgentError as error:
                await problem(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _admit(connection: HTTPConnection) -> None:
    if doorman_of(connection).from_our_page(connection) is False:
        raise Forbidden("This socket was opened by another site's page.", fix="Open the page of this server.")
    if not connection.scope["path"].startswith(_OWN_ROUTES):
        require(await asking(connection, used=False), Permission.READ)  # browsers open it again by themselves
