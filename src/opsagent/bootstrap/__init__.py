"""COMPOSITION ROOT: Settings -> App. The only package that names concrete adapters.

`build` puts the pieces together (`compose.py`) from their configs (`configs.py`); `App` wakes them up and lets go of
them (`app.py`). It can be called twice in one process. `outfit.py` hands out the few pieces that commands need without
a whole app. Importing this package loads none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsagent.bootstrap.app import App
    from opsagent.bootstrap.compose import build

__all__ = ["App", "build"]


def __getattr__(name: str) -> Any:
    """Load a piece when it is asked for."""
    if name == "App":
        from opsagent.bootstrap.app import App

        return App
    if name == "build":
        from opsagent.bootstrap.compose import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
