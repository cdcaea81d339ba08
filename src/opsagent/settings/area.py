"""What every area of settings shares: frozen, nothing unknown, each field with its words and its other names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

PREFIX = "OPSAGENT_"


class Area(BaseModel):
    """One group of settings. `hide_input_in_errors` because a wrong value may be a mistyped secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


def setting(default: object, words: str, *, alias: str = "", shown: str = "", **limits: Any) -> Any:
    """A field: its default, what it is for, a second environment name, and how the default is shown in the docs.

    `limits` are pydantic's (ge, le, pattern). A callable default makes a fresh value for each load.
    """
    extra: dict[str, Any] = {"alias": alias, "shown": shown}
    if callable(default):
        factory: Callable[[], Any] = default
        return Field(default_factory=factory, description=words, json_schema_extra=extra, **limits)
    return Field(default=default, description=words, json_schema_extra=extra, **limits)


def flag(words: str, *, on: bool, alias: str = "") -> Any:
    """A field that is true or false."""
    return setting(on, words, alias=alias)


def environment_names(name: str, field: FieldInfo) -> tuple[str, ...]:
    """The environment variables a setting is read from, the strongest first."""
    alias = extra(field, "alias")
    own = PREFIX + name.upper()
    return (own, alias) if alias else (own,)


def extra(field: FieldInfo, key: str) -> str:
    """What `setting` noted under `key`, or empty."""
    noted = field.json_schema_extra
    return str(noted.get(key, "")) if isinstance(noted, dict) else ""
