"""The model behind the chat: one question, and an answer in the shape that was asked for."""

from __future__ import annotations

from opsagent.adapters.reasoners.model.answers import ChatAnswer
from opsagent.adapters.reasoners.model.asking import Asking
from opsagent.adapters.reasoners.model.calling import NoAnswer
from opsagent.domain.run import Run, Source
from opsagent.ports.answering import Asks, Question, Reply
from opsagent.ports.reasoner import Situation


class ModelAnswerer:
    """Fulfils `ports.answering.Answerer` over any Thinker; fenced, redacted and bounded like every question."""

    def __init__(self, asking: Asking) -> None:
        self._ask = asking

    async def reply(self, question: Question) -> Reply:
        """What the message asks for; a runbook that was not among those found is no runbook."""
        situation = _situation(question)
        try:
            answer, spent = await self._ask("chat", ChatAnswer, situation, about=_about(question))
        except NoAnswer as none:
            words = str(none)
            said = words[:1].upper() + words[1:]
            return Reply(asks=Asks.CLARIFY, text=said, ok=False, usage=none.usage)
        known = {one.id for one in question.runbooks}
        return Reply(
            asks=Asks(answer.kind),
            text=answer.text,
            runbook_id=answer.runbook if answer.runbook in known else "",
            by=self._ask.who(situation),
            usage=spent,
        )


def _situation(question: Question) -> Situation:
    """A message as the questions of a run know it; this run is never stored."""
    asked = Run(
        id=question.conversation_id,
        tenant=question.tenant,
        source=Source.CHAT,
        task=question.text,
        created_at=question.at,
        updated_at=question.at,
        requested_by=question.asked_by,
    )
    return Situation(run=asked, candidates=question.runbooks)


def _about(question: Question) -> str:
    earlier = [f"{line.kind.value}: {line.text}" for line in question.memory]
    told = [f"Earlier in this conversation:\n{chr(10).join(earlier)}"] if earlier else []
    told += [f"Runs and tickets:\n{chr(10).join(question.facts)}"] if question.facts else []
    return "\n\n".join(told)
