"""Walks the Markdown of a runbook and finds the fences of its step sections, with their phase and their prose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from opsagent.adapters.knowledge.located import Located, Place, read_yaml
from opsagent.domain.runbook import Phase

_HEADINGS: dict[Phase, str] = {
    Phase.DIAGNOSIS: "diagnosis diagnose diagnosing diagnostic diagnostics investigation investigate investigating "
    "troubleshooting troubleshoot debugging debug triage analysis",
    Phase.MITIGATION: "mitigation mitigate mitigations fix fixes fixing remediation remediate remediations resolution "
    "resolve resolving recovery recover repair solution solutions steps actions procedure workaround",
    Phase.VERIFY: "verify verification verifying validation validate validating confirm confirmation",
    Phase.ROLLBACK: "rollback undo revert backout",
}
_PHASE_OF = {word: phase for phase, words in _HEADINGS.items() for word in words.split()}
_PROSE_WORDS = (
    "impact meaning summary overview background context description symptoms causes references escalation "
    "prevention notes example examples appendix links output follow-up prerequisites"
)
_PROSE = frozenset(_PROSE_WORDS.split())
_NUMBERING = re.compile(r"^(?:step\s+)?[0-9]+(?:\.[0-9]+)*[.):]?\s+|^[^\w]+", re.IGNORECASE)
_FILLER = re.compile(r"^(?:how to|the|initial|immediate|quick|possible|suggested|further)\s+", re.IGNORECASE)
_STEP_COMMENT = re.compile(r"<!--\s*step(?=\s*\n|\s+[a-z]+:)", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]\n]{1,200})\]\([^)\n]{0,500}\)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'])")
WHY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block in a step section; `line` is its opening, `heading` a slug (empty: the phase's own)."""

    phase: Phase
    info: str
    body: str
    line: int
    heading: str = ""
    prose: str = ""
    comment: Located | None = None


@dataclass(slots=True)
class Document:
    """What a walk found: the first title, the first paragraph, and the fences of step sections in order."""

    title: str = ""
    lead: str = ""
    fences: list[Fence] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Section:
    level: int
    phase: Phase | None
    slug: str


def read_document(text: str, place: Place) -> Document:
    """Walk the Markdown (front matter blanked out, so that lines count). RunbookError for a fence that never ends."""
    walker = _Walker(text.split("\n"), place)
    # Only blocks are needed: without inline parsing the walk is linear whatever the text.
    for token, content in _blocks(MarkdownIt("commonmark").disable("inline").parse(text)):
        walker.take(token, content)
    walker.orphan()
    return walker.document


def clean(markdown: str) -> str:
    """A paragraph as plain words: links as their text, no emphasis or code marks, one line."""
    return " ".join(re.sub(r"\*\*|__|`", "", _LINK.sub(r"\1", markdown)).split())


def slug(text: str) -> str:
    """Words as an id: `KubePodCrash looping!` becomes `kube-pod-crash-looping`; empty when nothing is left."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", text)
    return re.sub(r"[^a-z0-9]+", "-", parted.lower()).strip("-")[:64].strip("-")


def _blocks(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Headings and paragraphs with their text, fences and HTML blocks, in order."""
    for index, token in enumerate(tokens):
        if token.type in {"heading_open", "paragraph_open"}:
            yield token, tokens[index + 1].content
        elif token.type in {"fence", "html_block"}:
            yield token, token.content


def _heading_words(heading: str) -> str:
    words = clean(heading).strip(" :#*")
    for pattern in (_NUMBERING, _FILLER):
        words = pattern.sub("", words)
    return words.strip()


def _phase_of(words: str, inherited: Phase | None) -> Phase | None:
    """The phase a heading opens. Below a phase only a heading of exactly one known word changes it."""
    lowered = re.sub(r"\broll(?:ing)?[ -]back\b", "rollback", words.lower())
    parts = re.findall(r"[a-z][a-z-]*", lowered) or [""]
    exact = len(parts) == 1
    if inherited is not None and not exact:
        return inherited
    if parts[0] == "steps" and len(parts) > 2 and parts[1] == "to":
        return _PHASE_OF.get(parts[2])
    if parts[0] in _PHASE_OF:
        return _PHASE_OF[parts[0]]
    if parts[-1] == "steps" and parts[0] not in _PROSE:
        return Phase.MITIGATION
    return None if parts[0] in _PROSE else inherited


class _Walker:
    def __init__(self, lines: Sequence[str], place: Place) -> None:
        self.lines = lines
        self.place = place
        self.document = Document()
        self.sections: list[_Section] = []
        self.prose = ""
        self.comment: tuple[Located, int] | None = None

    def take(self, token: Token, content: str) -> None:
        line = token.map[0] + 1 if token.map else 1
        if token.type == "fence":
            self._fence(token, content, line)
        elif token.type == "html_block":
            self._html(content, line)
        elif token.type == "heading_open":
            self.orphan()
            self._heading(int(token.tag[1]), content)
        else:
            self.orphan()
            self.prose = clean(content)
            self.document.lead = self.document.lead or self.prose

    def orphan(self) -> None:
        """A step comment must stand right above its fence."""
        if self.comment is not None:
            raise self.place.error(
                "this step comment belongs to no command", self.comment[1], "Put it directly above its fence."
            )

    def _heading(self, level: int, content: str) -> None:
        words = _heading_words(content)
        first_title = level == 1 and not self.document.title
        if first_title:
            self.document.title = clean(content)
        while self.sections and self.sections[-1].level >= level:
            self.sections.pop()
        inherited = self.sections[-1].phase if self.sections else None
        phase = _phase_of(words, inherited)
        if first_title and " " in words:
            phase = None  # `# Fix the mail server` is a title, not a section
        opens = phase is not None and phase is not inherited
        self.sections.append(_Section(level, phase, "" if opens else slug(words)))
        self.prose = ""

    def _html(self, content: str, line: int) -> None:
        match = _STEP_COMMENT.match(content)
        if match is None:
            return
        self.orphan()
        end = content.rfind("-->")
        if end < 0:
            raise self.place.error("this step comment never ends", line, "Close it with -->.")
        self.comment = (read_yaml(content[match.end() : end], self.place, line, "step comment"), line)

    def _fence(self, token: Token, content: str, line: int) -> None:
        last = self.lines[token.map[1] - 1] if token.map else ""
        closing = last.strip(" \t>")
        if not (
            token.map
            and token.map[1] > line
            and set(closing) == {token.markup[0]}
            and len(closing) >= len(token.markup)
        ):
            raise self.place.error(
                "this fence is never closed", line, f"Close it with {token.markup} on a line of its own."
            )
        comment, self.comment = self.comment, None
        section = self.sections[-1] if self.sections else _Section(0, None, "")
        if section.phase is None:
            if comment is not None:
                raise self.place.error(
                    "this step stands under no step heading",
                    comment[1],
                    "Put it below Diagnosis, Mitigation, Verify or Rollback.",
                )
            return
        opening = self.lines[line - 1]
        info = opening[opening.index(token.markup) + len(token.markup) :].strip()
        why = " ".join(_SENTENCE.split(self.prose)[:2])[:WHY_CHARS]
        self.document.fences.append(
            Fence(section.phase, info, content, line, section.slug, why.rstrip(" :"), comment[0] if comment else None)
        )
        self.prose = ""
