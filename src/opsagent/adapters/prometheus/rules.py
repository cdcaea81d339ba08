"""Reads alert rules: Prometheus' rule files, the PrometheusRule of its operator, and the answer of `/api/v1/rules`.

The forms are those of prometheus.io/docs/prometheus/latest/configuration/alerting_rules and .../querying/api, and of
the operator's API reference (monitoring.coreos.com/v1). JSON is read as the YAML it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from opsagent.adapters.yaml_bounds import unbounded
from opsagent.domain.coverage import AlertRule
from opsagent.errors import InputError, TooLarge

try:
    from yaml import CSafeLoader as _Safe  # libyaml's, where PyYAML was built with it
except ImportError:
    from yaml import SafeLoader as _Safe  # type: ignore[assignment]

RULES_PATH = "/api/v1/rules"
MAX_CHARS = 8 * 1024**2
MAX_RULES = 5000
_LINE = "\0line"  # a key no file can have: YAML refuses NUL


def read_rules(text: str, file: str) -> tuple[AlertRule, ...]:
    """Every alert of the text, in order; recording rules are passed over. InputError with file and line, TooLarge."""
    if len(text) > MAX_CHARS:
        raise TooLarge(f"{file} has more than {MAX_CHARS} characters.", fix="Give the rule files one by one.")
    rules: list[AlertRule] = []
    for document in _documents(text, file):
        for rule in _rules(document, file):
            rules.append(rule)
            if len(rules) > MAX_RULES:
                raise TooLarge(f"{file} has more than {MAX_RULES} alerts.", fix="Give the rule files one by one.")
    return tuple(rules)


def _documents(text: str, file: str) -> list[Any]:
    if text.lstrip().startswith("{"):  # an answer of the API: JSON, and often too long for YAML
        try:
            return [json.loads(text)]
        except (ValueError, RecursionError):
            pass  # a mapping in YAML's flow style begins like this, too
    try:
        _refuse_deep(text, file)
        return list(yaml.load_all(text, Loader=_Lines))
    except (yaml.YAMLError, ValueError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        problem = getattr(wrong, "problem", None) or "it cannot be read"
        line = mark.line + 1 if mark else 1
        raise InputError(f"{file}:{line}: this is no YAML: {problem}.", fix="Check it: promtool check rules.") from None


class _Lines(_Safe):
    """Builds plain values, and notes in each mapping the line it begins at."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            found[str(key.value)] = loader.construct_object(value, deep=True)
    return found | {_LINE: node.start_mark.line + 1}


_Lines.add_constructor("tag:yaml.org,2002:map", _mapping)


def _refuse_deep(text: str, file: str) -> None:
    """Before anything is built: references blow up, deep nesting exhausts the stack."""
    if found := unbounded(text, _Safe):
        raise InputError(f"{file}:{found[0]}: it {found[1]}.", fix="Write the values out.")


def _rules(document: object, file: str) -> Iterator[AlertRule]:
    if document is None:
        return
    if not isinstance(document, Mapping):
        raise InputError(f"{file}: there are no groups of rules in it.", fix="Give a rule file of Prometheus.")
    items = document.get("items")
    if isinstance(items, Sequence) and not isinstance(items, str):
        for one in items:  # a List of Kubernetes
            yield from _rules(one, file)
        return
    groups = document.get("groups") or _within(document, "spec") or _within(document, "data")
    if not isinstance(groups, Sequence) or isinstance(groups, str):
        if document.get("kind") not in {None, "PrometheusRule"}:
            return  # another object of Kubernetes in the same file
        raise InputError(f"{file}: there are no groups of rules in it.", fix="Give a rule file of Prometheus.")
    for group in groups:
        found = group.get("rules") if isinstance(group, Mapping) else None
        for rule in found if isinstance(found, Sequence) and not isinstance(found, str) else ():
            if isinstance(rule, Mapping) and (named := _named(rule)):
                yield _rule(rule, named, file)


def _within(document: Mapping[str, Any], key: str) -> object:
    inner = document.get(key)
    return inner.get("groups") if isinstance(inner, Mapping) else None


def _named(rule: Mapping[str, Any]) -> str:
    """The alert's name: `alert` in a file, `name` in an answer that says `type: alerting`."""
    name = rule.get("alert") or (rule.get("name") if rule.get("type") == "alerting" else "")
    return str(name)[:200] if name else ""


def _rule(rule: Mapping[str, Any], name: str, file: str) -> AlertRule:
    return AlertRule(
        name=name,
        labels=_texts(rule.get("labels")),
        annotations=_texts(rule.get("annotations")),
        file=file,
        line=int(rule.get(_LINE, 0)),
    )


def _texts(found: object) -> dict[str, str]:
    if not isinstance(found, Mapping):
        return {}
    return {str(name): str(value) for name, value in found.items() if name != _LINE and value is not None}
