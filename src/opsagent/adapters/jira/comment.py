"""What stands in a comment, for each fact people are told; outside words stand in text nodes and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from opsagent.adapters.jira import adf
from opsagent.domain.message import Message, MessageKind, Question, minute
from opsagent.domain.visible import one_line, visible

# A comment holds 32 767 characters as Jira counts them, its marks included: these leave room for all of them at once.
MAX_TEXT = 6000
MAX_COMMAND = 4000
MAX_LINE = 300
MAX_LINES = 30
HOW_TO_ANSWER = (
    "A comment here is not an answer: words that are typed decide nothing. A person with the role approver answers "
)


def comment(message: Message, *, repeat: bool = False, note: str = "") -> adf.Node:
    """The comment's document. `note` is a last line of our own; `repeat` says that it may stand there twice."""
    blocks = list(_BLOCKS[message.kind](message))
    if message.link:
        blocks.append(adf.paragraph(adf.link("The run, step by step", message.link)))
    if note:
        blocks.append(adf.paragraph(adf.words(one_line(note, MAX_LINE))))
    if repeat:
        blocks.append(adf.paragraph(adf.words("This may be a repeat: it is not known whether it was sent before.")))
    return adf.document(*blocks)


def _planned(message: Message) -> Iterator[adf.Node]:
    yield _head("OpsAgent has a plan.")
    yield from _text(message.text)


def _asked(message: Message) -> Iterator[adf.Node]:
    yield _head("OpsAgent asks before it changes something.")
    question = message.question
    if question is None:
        return
    yield from _effect(question)
    if question.undo:
        yield _line("To undo it:")
        yield _code(question.undo)
    persons = f"{question.persons} different people must say yes. " if question.persons > 1 else ""
    where = "where the link below leads, or with" if message.link else "with"
    how = f"{persons}{HOW_TO_ANSWER}{where} opsagent approve, until {minute(question.expires_at)}."
    yield adf.paragraph(adf.words(how))
    yield _line(f"Run {message.run_id}, digest {question.digest[:16]}")


def _answered(message: Message) -> Iterator[adf.Node]:
    question = message.question
    status = question.status if question else ""
    yield _head(_ANSWERS.get(status, f"This question is no longer open: {status}."))
    if question is None:
        return
    if question.decided_by:
        yield _line(f"By {question.decided_by}, {minute(message.at)}.")
    if question.notes:
        yield _line(f"Note: {question.notes}")
    yield from _effect(question)
    yield _line(f"Run {message.run_id}, digest {question.digest[:16]}")


def _ended(message: Message) -> Iterator[adf.Node]:
    measured = _MEASURED.get(message.verified, "")
    yield _head(f"OpsAgent has ended: {message.status}{measured}.")
    yield from _text(message.text)


def _reminded(message: Message) -> Iterator[adf.Node]:
    looking = "OpsAgent waits, and somebody is looking." if message.acknowledged_by else ""
    yield _head(looking or "OpsAgent still waits for a person.")
    yield from _text(message.text)
    if message.question is not None:
        yield from _effect(message.question)


def _said(message: Message) -> Iterator[adf.Node]:
    yield _head(message.title)
    yield from _text(message.text)


_BLOCKS: Mapping[MessageKind, Callable[[Message], Iterator[adf.Node]]] = {
    MessageKind.PLANNED: _planned,
    MessageKind.ASKED: _asked,
    MessageKind.ANSWERED: _answered,
    MessageKind.ENDED: _ended,
    MessageKind.REMINDED: _reminded,
    MessageKind.SAID: _said,
}
_ANSWERS = {
    "granted": "A person said yes.",
    "refused": "A person said no.",
    "expired": "Nobody answered in time; nothing of it was done.",
    "withdrawn": "The question was withdrawn; nothing of it was done.",
}
_MEASURED = {
    "yes": ", and all is measured to be well",
    "no": ", and it is measured NOT to be well",
    "not_measurable": ", and nothing could be measured",
}


def _effect(question: Question) -> Iterator[adf.Node]:
    yield _line(f"On {question.target} it would run:")
    yield _code(question.command)
    if question.why:
        yield _line(f"Why: {question.why}")
    if question.reason:
        yield _line(f"Why it asks: {question.reason}")
    lines = [shown for effect in question.effects if (shown := one_line(effect, MAX_LINE))]
    if lines:
        more = [f"and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
        yield adf.bullets([*lines[:MAX_LINES], *more])


def _head(text: str) -> adf.Node:
    return adf.paragraph(adf.words(one_line(text, MAX_LINE), strong=True))


def _line(text: str) -> adf.Node:
    return adf.paragraph(adf.words(one_line(text, MAX_LINE)))


def _text(text: str) -> list[adf.Node]:
    return adf.paragraphs(_cut(visible(text, lines=True), MAX_TEXT))


def _code(text: str) -> adf.Node:
    return adf.code_block(_cut(visible(text, lines=True), MAX_COMMAND))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n… ({len(text) - limit} characters more: see the run)"
