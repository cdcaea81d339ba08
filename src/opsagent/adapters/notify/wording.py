"""The words of every message for mail and plain text: one template for each kind, which people may put their own over.

A template is text. Its first line is `Subject: ...`. What comes from outside stands in it on one line, or indented by
four spaces where it may have several, so that it is told from our own words. The HTML is made of the finished text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from opsagent.domain.message import Message, MessageKind, Question, minute
from opsagent.domain.priority import Priority
from opsagent.domain.visible import one_line, visible
from opsagent.errors import ConfigurationError

if TYPE_CHECKING:
    from jinja2 import Template

SHIPPED = Path(__file__).parent / "words"
LAYOUT = "letter.html"
REPEAT_SUBJECT = "[possible repeat] "
REPEAT = "This may be a repeat: it is not known whether it arrived before."
MAX_SUBJECT, MAX_LINE, MAX_BLOCK, MAX_EFFECTS = 150, 300, 6000, 30
_INDENT = " " * 4
_SUBJECT = "Subject:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as people read it: a line, the text, and the same as an HTML page."""

    subject: str
    text: str
    html: str


class Wording:
    """Reads templates when the first message is worded, from `own` where a file of that name is there."""

    def __init__(self, own: Path | None = None) -> None:
        self._own = own

    def letter(self, message: Message, *, repeat: bool = False) -> Letter:
        """The message in words; with `repeat` it says that it may have been sent before. ConfigurationError."""
        head, text = self._worded(message)
        subject = one_line((REPEAT_SUBJECT if repeat else "") + head, MAX_SUBJECT)
        text = f"{text}\n\n{REPEAT}" if repeat else text
        page = self._rendered(LAYOUT, {"subject": subject, "blocks": _blocks(text), "link": message.link})
        return Letter(subject=subject, text=text + "\n", html=page)

    def check(self) -> None:
        """Word one of each kind, so that a template that does not work stops the start. ConfigurationError."""
        if self._own is None:
            return
        try:
            names = {one.name for one in self._own.iterdir() if one.suffix in (".txt", ".html")}
        except OSError as problem:
            raise ConfigurationError(
                f"The folder of templates cannot be read: {problem.strerror}.", fix="Correct wording_dir."
            ) from None
        known = {f"{kind.value}.txt" for kind in MessageKind} | {LAYOUT}
        for name in sorted(names - known):
            raise ConfigurationError(
                f"wording_dir has {name}, and there is no such template.", fix=f"Use {', '.join(sorted(known))}."
            )
        for kind in MessageKind:
            self.letter(_sample(kind), repeat=True)

    def _worded(self, message: Message) -> tuple[str, str]:
        name = f"{message.kind.value}.txt"
        text = self._rendered(name, _values(message))
        head, _, rest = text.partition("\n")
        if not head.startswith(_SUBJECT):
            raise _broken(name, f"its first line does not begin with {_SUBJECT}")
        return head.removeprefix(_SUBJECT).strip(), re.sub(r"\n{3,}", "\n\n", rest).strip("\n")

    @cached_property
    def _templates(self) -> dict[str, Template]:
        return {}

    def _rendered(self, name: str, values: Mapping[str, object]) -> str:
        from jinja2 import TemplateError

        if name not in self._templates:
            self._templates[name] = self._read(name)
        try:
            return self._templates[name].render(values)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as problem:  # what a template may do wrong
            raise _broken(name, str(problem)) from None

    def _read(self, name: str) -> Template:
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=name.endswith(".html")
        )
        own = self._own / name if self._own else None
        path = own if own is not None and own.is_file() else SHIPPED / name
        try:
            return environment.from_string(path.read_text(encoding="utf-8"))
        except (TemplateError, OSError, UnicodeError) as problem:
            raise _broken(name, str(problem)) from None


def _broken(name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The template {name} does not work: {one_line(why, MAX_LINE)}.".replace("..", "."),
        fix="Correct it in wording_dir, or remove it there to have ours.",
    )


def _values(message: Message) -> Mapping[str, object]:
    """What a template may use: words that cannot leave their line or their block."""
    question = message.question
    return {
        "title": one_line(message.title, MAX_LINE),
        "text": block(message.text),
        "words": visible(message.text, lines=True),
        "at": minute(message.at),
        "status": one_line(message.status),
        "verified": one_line(message.verified),
        "priority": message.priority.value,
        "environment": one_line(message.environment, MAX_LINE),
        "target": one_line((question.target if question else "") or message.target, MAX_LINE),
        "source": one_line(message.source),
        "run_id": one_line(message.run_id),
        "ticket_id": one_line(message.ticket_id),
        "tenant": one_line(message.tenant),
        "link": one_line(message.link),
        "escalation": one_line(message.escalation),
        "acknowledged_by": one_line(message.acknowledged_by, MAX_LINE),
        **_asked(question),
    }


def _asked(question: Question | None) -> Mapping[str, object]:
    asked = question or Question(id="", digest="", status="", target="", command="", reason="", expires_at=0.0)
    effects = [one_line(effect, MAX_LINE) for effect in asked.effects[:MAX_EFFECTS]]
    if len(asked.effects) > MAX_EFFECTS:
        effects.append(f"and {len(asked.effects) - MAX_EFFECTS} more")
    return {
        "question": question is not None,
        "answer": one_line(asked.status),
        "command": block(asked.command),
        "reason": one_line(asked.reason, MAX_LINE),
        "why": one_line(asked.why, MAX_LINE),
        "effects": effects,
        "undo": block(asked.undo),
        "persons": asked.persons,
        "decided_by": one_line(asked.decided_by, MAX_LINE),
        "notes": one_line(asked.notes, MAX_LINE),
        "expires": minute(asked.expires_at),
        "digest": one_line(asked.digest)[:16],
    }


def block(text: str) -> str:
    """Text of several lines, indented, nothing hidden in it, cut with the cut said; empty stays empty."""
    if not text.strip():
        return ""
    shown = visible(text, lines=True).strip("\n")
    if len(shown) > MAX_BLOCK:
        shown = f"{shown[:MAX_BLOCK]}\n… ({len(shown) - MAX_BLOCK} characters more: see the run)"
    return "\n".join(_INDENT + line for line in shown.split("\n"))


def _blocks(text: str) -> list[tuple[bool, list[str]]]:
    """Paragraphs, each with whether it is indented, and its lines."""
    found = []
    for part in text.split("\n\n"):
        lines = part.split("\n")
        indented = all(line.startswith(_INDENT) for line in lines)
        found.append((indented, [line.removeprefix(_INDENT) if indented else line for line in lines]))
    return found


def _sample(kind: MessageKind) -> Message:
    asked = kind in (MessageKind.ASKED, MessageKind.ANSWERED, MessageKind.REMINDED)
    question = Question(
        id="q", digest="0" * 64, status="granted", target="shop", command="systemctl restart shop",
        reason="it changes something", expires_at=0.0, why="it is down", undo="none", persons=2,
        effects=("starts or stops shop",), decided_by="ada", notes="seen",
    )  # fmt: skip
    return Message(
        kind=kind, tenant="t", run_id="r", at=0.0, title="The shop is down", text="It answers again.",
        status="completed", verified="yes", priority=Priority.HIGH, environment="production", ticket_id="t-1",
        target="shop", source="api", link="https://ops.example.org/runs/r", question=question if asked else None,
    )  # fmt: skip
