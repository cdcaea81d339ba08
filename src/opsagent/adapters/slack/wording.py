"""Messages in Block Kit: a question with its buttons, its answer, a run's end, a reminder, and the whole command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opsagent.adapters.slack.kit import (
    MESSAGE_BLOCKS,
    MODAL_BLOCKS,
    Block,
    bullets,
    button,
    code,
    context,
    cut,
    escaped,
    header,
    line,
    paragraph,
    pieces,
    plain,
    rich,
)
from opsagent.domain.approval import Approval
from opsagent.domain.message import Message, MessageKind, Question, effects_of, minute
from opsagent.domain.visible import one_line, visible

APPROVE, REFUSE, SHOW, OPEN = "opsagent.approve", "opsagent.refuse", "opsagent.show", "opsagent.open"
LOOKING = "opsagent.looking"
COMMAND_CHARS = 1500  # of a command in a message; the rest is behind a button
_EFFECTS = 12
_SUMMARY_CHARS = 2500
_ANSWERS = {
    "granted": "✅ Approved",
    "refused": "⛔ Refused",
    "expired": "⌛ Nobody answered in time",
    "withdrawn": "↩️ No longer asked",
}
_MEASURED = {"yes": "healthy", "no": "not healthy", "not_measurable": "not measurable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message as Slack takes it: `text` where blocks are not shown (a notification), and the blocks."""

    text: str
    blocks: Sequence[Block]

    def payload(self) -> dict[str, object]:
        """Both, for a request."""
        return {"text": self.text, "blocks": list(self.blocks)}


def marker_of(notice_id: str) -> str:
    """The block id a notice is found again by."""
    return "opsagent-" + hashlib.sha256(notice_id.encode()).hexdigest()[:32]


def shown(message: Message, *, marker: str, buttons: bool, whole: bool, repeat: bool = False) -> Shown:
    """The message. `buttons`: clicks come back to us; `whole`: there is a window for the whole command.

    `repeat`: it may have been sent before, and says so.
    """
    head = _head(message)
    blocks: list[Block] = [header(head, marker)]
    question = message.question
    if message.kind is MessageKind.ENDED or question is None:
        facts = list(_about_run(message))
        blocks += [rich(*facts)] if facts else []
    else:
        blocks += _about_question(message, question)
    actions = list(_actions(message, buttons=buttons, whole=whole))
    if actions:
        blocks.append({"type": "actions", "elements": actions})
    small = _small_print(message, repeat=repeat)
    blocks += [context(small)] if small else []
    text = head if message.kind is MessageKind.SAID else f"{head}\n{one_line(message.title, 200)}"
    if message.kind in (MessageKind.ENDED, MessageKind.SAID) and message.text:
        joint = ": " if message.status == "failed" else "\n"
        text = head + joint + cut(visible(message.text, lines=True), _SUMMARY_CHARS)
    return Shown(text=escaped(text), blocks=blocks[:MESSAGE_BLOCKS])


def whole_command(approval: Approval) -> Block:
    """A modal with everything that was asked, the command in full as far as a modal goes."""
    blocks: list[Block] = [
        rich(line("Target", approval.target), line("Why", approval.why or "-"), line("Rule", approval.reason or "-")),
        rich(line("", "The whole command:")),
    ]
    rest: list[Block] = [
        rich(line("", "It would:"), bullets(effects_of(approval.manifest) or ("change nothing known",)))
    ]
    if approval.undo:
        rest += [rich(line("", "Undo:")), *(rich(code(piece)) for piece in list(pieces(approval.undo))[:10])]
        if approval.undo_manifest is not None and (effects := effects_of(approval.undo_manifest)):
            rest.append(rich(line("", "The undo would:"), bullets(effects)))
    rest.append(context([f"digest {approval.digest}", f"run {approval.run_id}"]))
    room = MODAL_BLOCKS - len(blocks) - len(rest) - 1
    parts = list(pieces(approval.command))
    blocks += [rich(code(piece)) for piece in parts[:room]]
    if len(parts) > room:
        blocks.append(context(["It goes on: read the rest with `opsagent show`."]))
    return {"type": "modal", "title": plain("What was asked", 24), "close": plain("Close", 24), "blocks": blocks + rest}


def _head(message: Message) -> str:  # noqa: PLR0911 - one return per kind
    question = message.question
    match message.kind:
        case MessageKind.ASKED:
            return "Approval needed"
        case MessageKind.ANSWERED:
            return _ANSWERS.get(question.status if question else "", "No longer open")
        case MessageKind.REMINDED:
            return "👀 Somebody is looking" if message.acknowledged_by else "⏰ Nobody has reacted"
        case MessageKind.PLANNED:
            return "The plan"
        case MessageKind.SAID:
            return one_line(message.title, 150) or "OpsAgent"
    if message.status == "failed":
        return "❌ Agent Ops failed"
    if message.status == "cancelled":
        return "⏹️ Cancelled"
    return "⚠️ Ended, but not healthy" if message.verified == "no" else "✅ Complete"


def _about_run(message: Message) -> Iterator[Block]:
    if message.kind is not MessageKind.SAID:  # whose head it is
        yield line("", message.title, 300)
    if message.text:
        yield paragraph(cut(message.text, _SUMMARY_CHARS))
    if message.target:
        yield line("Target", message.target)
    if message.verified:
        yield line("Measured", _MEASURED.get(message.verified, message.verified))


def _about_question(message: Message, question: Question) -> Iterator[Block]:
    facts = [line("", message.title, 300)]
    if message.text:
        facts.append(line("", message.text, 1000))
    if question.decided_by:
        facts.append(line("By", question.decided_by))
    if question.notes:
        facts.append(line("Said", question.notes))
    named = (
        ("Target", question.target),
        ("Environment", message.environment),
        ("Why", question.why),
        ("Rule", question.reason),
        ("People needed", str(question.persons) if question.persons > 1 else ""),
    )
    yield rich(*facts, *(line(label, value) for label, value in named if value))
    command = visible(question.command, lines=True)
    yield rich(code(command[:COMMAND_CHARS]))
    if len(command) > COMMAND_CHARS:
        yield rich(line("Cut", f"{len(command) - COMMAND_CHARS} more characters are not shown here"))
    if message.kind is MessageKind.ANSWERED:
        return
    effects = list(question.effects[:_EFFECTS])
    if len(question.effects) > _EFFECTS:
        effects.append(f"and {len(question.effects) - _EFFECTS} more")
    if effects:
        yield rich(line("", "It would:"), bullets(effects))
    if question.undo:
        yield rich(line("", "Undo:"), code(visible(question.undo, lines=True)[:COMMAND_CHARS]))


def _actions(message: Message, *, buttons: bool, whole: bool) -> Iterator[Block]:
    question = message.question
    if buttons and question and message.kind is not MessageKind.ANSWERED and question.status == "pending":
        value = json.dumps({"approval": question.id, "digest": question.digest})
        sure = {
            "title": plain("Approve this effect?", 100),
            "text": plain(f"On {one_line(question.target, 100)}: {one_line(question.command, 180)}", 300),
            "confirm": plain("Approve", 30),
            "deny": plain("Back", 30),
        }
        yield button("Approve", APPROVE, value=value, style="primary") | {"confirm": sure}
        yield button("Refuse", REFUSE, value=value, style="danger")
        if whole:
            yield button("Show all", SHOW, value=value)
    if buttons and message.escalation and not message.acknowledged_by:
        yield button("I am looking", LOOKING, value=json.dumps({"escalation": message.escalation}))
    if message.link:
        yield button("Open the run", OPEN, url=message.link)


def _small_print(message: Message, *, repeat: bool) -> list[str]:
    question = message.question
    about = f"Run ID: {message.run_id}" if message.run_id else f"Ticket: {message.ticket_id}"
    said = [about] if message.run_id or message.ticket_id else []
    if question and message.kind is not MessageKind.ANSWERED:
        said += [f"Open until {minute(question.expires_at)}", f"digest {question.digest[:12]}"]
    if repeat:
        said.append("This may be a repeat: whether it arrived before could not be told.")
    return said
