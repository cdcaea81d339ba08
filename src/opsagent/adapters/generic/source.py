"""A monitoring system known by its mapping alone."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]

from opsagent.adapters.generic.config import GenericConfig
from opsagent.adapters.generic.mapping import FIRING, IGNORED, RESOLVED, Expression, Words
from opsagent.adapters.intake.bearer import carries_secret
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.headers import header
from opsagent.adapters.intake.instants import instant
from opsagent.adapters.intake.saying import Receipt, Said, apart, not_too_many
from opsagent.adapters.intake.severity import priority_of
from opsagent.adapters.intake.signature import signs
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal
from opsagent.errors import InputError
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed


class GenericSource:
    """Fulfils `ports.intake.SignalSource`. An error names the field of the mapping that found nothing of use."""

    def __init__(self, config: GenericConfig, ids: Ids) -> None:
        self._config = config
        self._mapping = config.mapping
        self._ids = ids

    @property
    def name(self) -> str:
        """What the mapping calls it."""
        return self._mapping.source

    @property
    def proves(self) -> bool:
        """Whether a secret is set."""
        return bool(self._config.secret)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it is signed as the mapping says, or, where it names no signature, carries the bearer secret."""
        rule = self._mapping.signature
        if rule is None:
            return carries_secret(headers, self._config.secret)
        given = header(headers, rule.header)
        return given.startswith(rule.prefix) and signs(self._config.secret, raw, given[len(rule.prefix) :])

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:  # noqa: ARG002 - the port's
        """The signals of what the mapping's `items` finds, or of the whole body. InputError, TooLarge."""
        document = read_json(raw)
        items = (
            [document] if self._mapping.items is None else self._found("items", self._mapping.items, document).list()
        )
        not_too_many("items", len(items), self._config.max_alerts, "Send fewer at once.")
        receipt = Receipt(source=self.name, tenant=tenant, now=now, new_id=self._ids.uuid)
        made = [self._signal(Value(item.content, f"items/{at}"), receipt) for at, item in enumerate(items)]
        signals = [signal for signal in made if signal is not None]
        return apart(signals, "" if signals else "It says nothing about a condition; nothing is done.")

    def _signal(self, item: Value, receipt: Receipt) -> Signal | None:
        status = self._meaning("status", self._mapping.status, item)
        if status == IGNORED:
            return None
        name, identity = self._text("name", item), self._text("fingerprint", item)
        for key, text in (("name", name), ("fingerprint", identity)):
            if not text.strip():
                raise Value(None, f"{item.pointer}/{key}").wrong("a text")
        starts, ends = self._time("starts_at", item), self._time("ends_at", item)
        return receipt.signal(
            Said(
                identity=identity,
                name=name,
                firing=status == FIRING,
                moment=self._text("delivery", item) or f"{starts}/{ends}/{receipt.now if starts is None else ''}",
                title=self._text("title", item),
                description=self._text("description", item),
                priority=self._priority(item),
                environment=self._text("environment", item),
                labels=self._labels(item),
                starts_at=starts,
                ends_at=ends,
            )
        )

    def _meaning(self, key: str, words: Words, item: Value) -> str:
        value = self._found(key, words.at, item)
        said = value.word().strip().lower()
        meaning = words.meaning.get(said, words.otherwise) or (said if said in {FIRING, RESOLVED, IGNORED} else "")
        if not meaning:
            raise value.refused("is a word the mapping gives no meaning", f"Add it to {key}.map, or set otherwise.")
        return meaning

    def _priority(self, item: Value) -> Priority | None:
        words = self._mapping.priority
        if words is None:
            return None
        said = self._found("priority", words.at, item).word().strip().lower()
        meaning = words.meaning.get(said)
        if meaning is not None:
            return Priority(meaning)
        return priority_of(said) or (Priority(words.otherwise) if words.otherwise else None)

    def _text(self, key: str, item: Value) -> str:
        expression = self._mapping.plain.get(key)
        return "" if expression is None else _as_text(self._found(key, expression, item))

    def _time(self, key: str, item: Value) -> float | None:
        expression = self._mapping.plain.get(key)
        return None if expression is None else instant(self._found(key, expression, item))

    def _labels(self, item: Value) -> dict[str, str]:
        every = self._mapping.all_labels
        found: dict[str, str] = {}
        if every is not None:
            labels = self._found("labels", every, item)
            found = {name: _as_text(labels[name]) for name in ({} if labels.missing else labels.object())}
        return found | {
            name: _as_text(self._found(f"labels/{name}", one, item)) for name, one in self._mapping.labels.items()
        }

    def _found(self, key: str, expression: Expression, item: Value) -> Value:
        where = f"{item.pointer}/{key}" if item.pointer else key
        try:
            return Value(expression.search(item.content), where)
        except (
            JMESPathError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
        ) as bad:
            # jmespath lets Python's own errors through where a function meets a value it was not made for.
            raise InputError(
                f"{where} of the mapping {self.name} cannot be applied to this payload ({type(bad).__name__}).",
                fix="Try it: opsagent intake test SOURCE FILE.",
                extra={"pointer": where},
            ) from None


def _as_text(value: Value) -> str:
    """A text, number or yes-or-no as it is, a list of them with commas (empty if they are), anything else as JSON."""
    content = value.content
    if isinstance(content, list) and all(one is None or isinstance(one, (str, int, float)) for one in content):
        words = [Value(one, value.pointer).word() for one in content]
        return ", ".join(words) if any(words) else ""
    if isinstance(content, (dict, list)):
        return orjson.dumps(content).decode().replace("\0", "\ufffd")
    return value.word()
