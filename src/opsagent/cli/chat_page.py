"""`opsagent chat --gradio`: where the chat page is; where no server runs on the folder, it is served from here."""

from __future__ import annotations

import importlib.util

from opsagent.cli.exits import Exit
from opsagent.cli.options import Place
from opsagent.cli.perform import fast_loop, finish
from opsagent.cli.screen import say, say_json
from opsagent.errors import UnavailableError


def open_chat_page(place: Place) -> None:
    """Ends the process: at once with a running server, else when the server started here has stopped."""

    async def work() -> Exit:
        from opsagent.bootstrap.outfit import read_server, start_logs
        from opsagent.settings import Settings
        from opsagent.web.talk.mount import MISSING, MISSING_FIX, PATH

        if importlib.util.find_spec("gradio") is None:
            raise UnavailableError(MISSING, fix=MISSING_FIX)
        settings = Settings.load(place.overrides())
        running = await read_server(settings.server.data_dir)
        if running is not None:
            page = f"{settings.server.public_url.rstrip('/') or running.url}{PATH}/"
            say_json({"url": page}) if place.as_json else say(f"The chat page: {page}", "Sign in there as everywhere.")
            return Exit.OK
        from opsagent.cli.server import Serving

        start_logs(settings)
        if not place.as_json:
            say(f"No server runs on this folder, so one starts here. The chat page is at {PATH}/ of its address.")
        return await Serving(settings=settings, as_json=place.as_json).run()

    finish(place, work, loops=fast_loop())
