"""A mapping: where in a payload each part of a signal stands, as JMESPath expressions, read from YAML with care."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jmespath  # type: ignore[import-untyped]  # it has no types
import yaml
from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]

from opsagent.domain.priority import Priority
from opsagent.errors import ConfigurationError

MAX_FILE_BYTES = 100_000
FIRING, RESOLVED, IGNORED = "firing", "resolved", "ignored"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")
_PLAIN = ("name", "fingerprint", "title", "description", "environment", "starts_at", "ends_at", "delivery")
_KEYS = {"source", "about", "items", "status", "priority", "labels", "signature", *_PLAIN}
_NEEDED = ("source", "name", "status", "fingerprint")


class Expression(Protocol):
    """A compiled JMESPath expression."""

    def search(self, value: object) -> Any:
        """What it finds; raises JMESPathError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An expression, and what its words mean; `otherwise` is for words that are not listed, empty refuses them."""

    at: Expression
    meaning: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRule:
    """A header with the HMAC-SHA256 of the body in hex, after a prefix."""

    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """One mapping, checked. `plain` has the expressions that give one text each; `labels` by label."""

    source: str
    items: Expression | None
    status: Words
    priority: Words | None
    plain: Mapping[str, Expression]
    labels: Mapping[str, Expression]
    all_labels: Expression | None = None
    signature: SignatureRule | None = None


def read_mapping(text: str, file: str) -> SourceMapping:
    """The mapping in a YAML text. ConfigurationError naming the file and the key that is wrong."""
    if len(text) > MAX_FILE_BYTES:
        raise _refused(file, f"it is larger than {MAX_FILE_BYTES} bytes")
    try:
        # Every scalar stays the text it is written as: `on`, `no` and `0` are words of a payload here.
        found = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise _refused(file, f"it is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    if not isinstance(found, dict):
        raise _refused(file, "it is no list of keys and values")
    for key in found:
        if key not in _KEYS:
            raise _refused(file, f"the key {key!r} is not known here", f"Use: {', '.join(sorted(_KEYS))}.")
    for key in _NEEDED:
        if not found.get(key):
            raise _refused(file, f"{key!r} is missing", "docs/monitoring.md shows a whole mapping.")
    source = found["source"]
    if not isinstance(source, str) or not _NAME.fullmatch(source):
        raise _refused(file, "source must be a name of small letters, digits and hyphens")
    labels = found.get("labels")
    by_name = labels if isinstance(labels, dict) else {}
    return SourceMapping(
        source=source,
        items=_expression(file, "items", found["items"]) if "items" in found else None,
        status=_words(file, "status", found["status"], {FIRING, RESOLVED, IGNORED}),
        priority=_words(file, "priority", found["priority"], set(Priority)) if "priority" in found else None,
        plain={key: _expression(file, key, found[key]) for key in _PLAIN if key in found},
        labels={str(name): _expression(file, f"labels.{name}", one) for name, one in by_name.items()},
        all_labels=_expression(file, "labels", labels) if isinstance(labels, str) else None,
        signature=_signature(file, found["signature"]) if "signature" in found else None,
    )


def _words(file: str, key: str, found: object, meanings: set[str]) -> Words:
    """`status: a.b`, or `status: {from: a.b, map: {word: meaning}, otherwise: meaning}`."""
    if isinstance(found, str):
        return Words(at=_expression(file, key, found))
    if not isinstance(found, dict) or set(found) - {"from", "map", "otherwise"} or "from" not in found:
        raise _refused(file, f"{key} must be an expression, or have `from`, `map` and perhaps `otherwise`")
    table, otherwise = found.get("map") or {}, found.get("otherwise") or ""
    if not isinstance(table, dict):
        raise _refused(file, f"{key}.map must list words and what they mean")
    meaning = {str(word).lower(): str(one) for word, one in table.items()}
    wrong = sorted({*meaning.values(), *([str(otherwise)] if otherwise else [])} - meanings)
    if wrong:
        raise _refused(file, f"{key} means {wrong[0]!r}, which is not known", f"Use: {', '.join(sorted(meanings))}.")
    return Words(at=_expression(file, f"{key}.from", found["from"]), meaning=meaning, otherwise=str(otherwise))


def _expression(file: str, key: str, found: object) -> Expression:
    if not isinstance(found, str) or not found.strip():
        raise _refused(file, f"{key} must be a JMESPath expression", "Write it in quotes; https://jmespath.org.")
    try:
        compiled: Expression = jmespath.compile(found)
    except (JMESPathError, RecursionError, ValueError) as error:
        words = " ".join(str(error).split())[:200]
        raise _refused(
            file, f"{key} is no JMESPath expression: {words}", "https://jmespath.org has a tutorial."
        ) from None
    return compiled


def _signature(file: str, found: object) -> SignatureRule:
    if not isinstance(found, dict) or set(found) - {"header", "prefix"}:
        raise _refused(file, "signature must have `header` and perhaps `prefix`")
    name, prefix = found.get("header"), found.get("prefix", "")
    if not isinstance(name, str) or not _HEADER.fullmatch(name) or not isinstance(prefix, str):
        raise _refused(file, "signature.header must be the name of a header")
    return SignatureRule(header=name, prefix=prefix)


def _refused(file: str, why: str, fix: str = "Correct the file, then start again.") -> ConfigurationError:
    return ConfigurationError(f"The mapping {file} cannot be used: {why}.", fix=fix)
