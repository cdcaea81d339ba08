"""Turns a fence of a step section into a step: its language, its attributes, its command."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsagent.adapters.knowledge.fields import NAME, SLUG, Fields
from opsagent.adapters.knowledge.located import Located, Place
from opsagent.adapters.knowledge.sections import Fence
from opsagent.domain.expectation import JSON_CAPTURE
from opsagent.domain.runbook import Expect, RunbookStep, Undo

_LANGUAGES = {
    **dict.fromkeys(("", "none", "sh", "bash", "shell", "zsh", "terminal"), "shell"),
    **dict.fromkeys(("console", "console-session", "shell-session", "shellsession", "sh-session"), "shell"),
    **dict.fromkeys(("powershell", "pwsh", "ps1"), "powershell"),
    **dict.fromkeys(("sql", "psql", "postgresql", "postgres", "mysql"), "sql"),
    "http": "http",
    "aws": "aws",
    "mcp": "mcp",
}
_SESSIONS = frozenset({"console", "console-session", "shell-session", "shellsession", "sh-session", "", "none"})
# Languages that show something: an output, a file. They are no steps and no mistakes.
_SAMPLE_WORDS = (
    "text txt plaintext output log yaml yml json ini conf config nginx toml xml csv diff promql logql mermaid "
    "markdown md python go java javascript js html dockerfile hcl properties"
)
SAMPLES = frozenset(_SAMPLE_WORDS.split())
_REPEATABLE = frozenset({"expect", "capture", "when"})
_KEYS = ("name", "expect", "capture", "when", "timeout", "retries", "probe", "save", "undo", "connection", "rows")
_ATTRIBUTE = re.compile(r"""([A-Za-z][A-Za-z0-9_-]*)=("(?:[^"\\]|\\.)*"|'[^']*'|\S+)(?:\s+|$)""")
_JSON_PATH = re.compile(r"[^\s.]{1,100}(?:\.[^\s.]{1,100}){0,20}")
_COMMAND_CHARS = 16_000


@dataclass(frozen=True, slots=True)
class Language:
    """What an info string names: the executor (None: not a step) and the attributes behind the language."""

    name: str
    executor: str | None
    attributes: str

    @property
    def is_session(self) -> bool:
        """Whether lines beginning with `$ ` are commands and the rest is output."""
        return self.name in _SESSIONS


def language_of(info: str) -> Language:
    """The language of a fence; an info string that begins with an attribute has none and is a shell's."""
    first, _, rest = info.partition(" ")
    if "=" in first:
        first, rest = "", info
    name = first.strip("{}.").lower()
    return Language(name, _LANGUAGES.get(name), rest.strip())


def command_of(language: Language, body: str) -> str:
    """The command in a fence: of a session only what follows a prompt; empty when there is only output or comments."""
    text = body.strip("\n")
    if language.is_session and any(line.lstrip().startswith("$ ") for line in text.split("\n")):
        text = "\n".join(_session(text.split("\n")))
    comment = "--" if language.executor == "sql" else "#"
    if all(not line.strip() or line.lstrip().startswith(comment) for line in text.split("\n")):
        return ""
    return text


def _session(lines: Sequence[str]) -> list[str]:
    commands: list[str] = []
    continued = False
    for line in lines:
        bare = line.lstrip()
        if bare.startswith("$ ") or continued:
            command = bare[2:] if bare.startswith(("$ ", "> ")) else line
            commands.append(command)
            continued = command.endswith("\\")
    return commands


def read_step(fence: Fence, language: Language, place: Place) -> RunbookStep:
    """The step of a fence; its name is empty when none is given. RunbookError for whatever is not understood."""
    if language.executor is None:
        fix = "Use shell, sql, http, aws or powershell; use text for something that is only shown."
        raise place.error(f"`{language.name}` is no language of a step", fence.line, fix)
    fields = Fields(place)
    given = _attributes(fence, language, fields)
    text = command_of(language, fence.body)
    if not text:
        raise place.error("this step has no command", fence.line, "Write the command, or mark the fence as text.")
    if len(text) > _COMMAND_CHARS:
        raise place.error(
            f"this command is longer than {_COMMAND_CHARS} characters", fence.line, "Split it into steps."
        )
    _check_spaces(text, fence, place)
    captures = _captures(given.get("capture", ()), fields)
    probe, probe_expect = _probe(given, fields)
    step = RunbookStep(
        name=_name(given, fields),
        phase=fence.phase,
        text=text,
        line=fence.line,
        executor=language.executor,
        connection=_one(given, "connection", fields),
        why=fence.prose,
        expect=_expect(given.get("expect", ()), fields),
        captures=captures,
        when=fields.whens(given.get("when", ())),
        timeout_s=fields.seconds(given["timeout"][0], "timeout") if "timeout" in given else 30.0,
        retries=fields.number(given["retries"][0], "retries", most=5) if "retries" in given else 0,
        probe=probe,
        probe_expect=probe_expect,
        save=fields.texts(given["save"][0], "save", split=True) if "save" in given else (),
        undo=_undo(given, fields),
        rows=_rows(given, fields),
    )
    if step.undo is not None and step.undo.restore and not step.save:
        raise place.error("`undo: restore` restores nothing: nothing is saved", fence.line, "Add save: with the paths.")
    return step


def _attributes(fence: Fence, language: Language, fields: Fields) -> dict[str, tuple[Located, ...]]:
    """Attributes of the info string and of the comment above the fence; one given in both places is refused."""
    given: dict[str, list[Located]] = {}
    at = 0
    while at < len(language.attributes):
        match = _ATTRIBUTE.match(language.attributes, at)
        if match is None:
            rest = language.attributes[at:].split()[0]
            fix = 'Write attributes as key=value, or key="a value with spaces".'
            raise fields.place.error(f"`{rest}` in the info string is not understood", fence.line, fix)
        value = match.group(2)
        if value[0] in "\"'":
            value = value[1:-1].replace('\\"', '"') if value[0] == '"' else value[1:-1]
        given.setdefault(match.group(1), []).append(Located(value, fence.line))
        at = match.end()
    for key, values in given.items():
        if len(values) > 1 and key not in _REPEATABLE:
            raise fields.place.error(f"`{key}` is given twice", fence.line, "Keep one of the two.")
    if fence.comment is not None:
        for key, value in fields.mapping(fence.comment, "a step comment").items():
            if key in given:
                fix = "Keep it in the comment or in the info string."
                raise fields.place.error(f"`{key}` is given twice", value.line, fix)
            given[key] = list(_listed(key, value, fields))
    fields.known({key: values[0] for key, values in given.items()}, _KEYS, "a step")
    return {key: tuple(values) for key, values in given.items()}


def _listed(key: str, value: Located, fields: Fields) -> Sequence[Located]:
    is_list = not isinstance(value.value, (str, Mapping)) and value.value is not None
    return fields.items(value, key) if key in {"expect", "when"} and is_list else [value]


def _one(given: Mapping[str, Sequence[Located]], key: str, fields: Fields) -> str:
    return fields.text(given[key][0], key) if key in given else ""


def _probe(given: Mapping[str, Sequence[Located]], fields: Fields) -> tuple[str, Expect | None]:
    """A command, or a mapping of `run` and `expect`."""
    if "probe" not in given or not isinstance(given["probe"][0].value, Mapping):
        return _one(given, "probe", fields), None
    about = fields.mapping(given["probe"][0], "probe")
    fields.known(about, ("run", "expect"), "a probe")
    if "run" not in about or "expect" not in about:
        fix = "Write probe: {run: ..., expect: ...}, or the command alone."
        raise fields.place.error("a probe needs both `run` and `expect`", given["probe"][0].line, fix)
    return fields.text(about["run"], "the probe"), fields.expect(about["expect"])


def _name(given: Mapping[str, Sequence[Located]], fields: Fields) -> str:
    name = _one(given, "name", fields)
    if name and not SLUG.fullmatch(name):
        fix = "Use lower-case letters, digits and dashes: check-config"
        raise fields.place.error(f"the step name `{name}` is not a slug", given["name"][0].line, fix)
    return name


def _expect(found: Sequence[Located], fields: Fields) -> Expect:
    if not found:
        return Expect()
    return fields.expect(found[0]) if len(found) == 1 else fields.short_expect(found)


def _captures(found: Sequence[Located], fields: Fields) -> dict[str, str]:
    captures: dict[str, str] = {}
    for one in found:
        if isinstance(one.value, str):
            name, _, pattern = one.value.partition(":")
            pairs = [(name, Located(pattern, one.line))]
        else:
            pairs = list(fields.mapping(one, "capture").items())
        for name, pattern_text in pairs:
            if not NAME.fullmatch(name) or name in captures or name == "connection":
                fix = "Write name:^pattern with (one) group$ or name:json:path, each name once: letters, digits and _."
                raise fields.place.error(f"`{name}` cannot name a capture here", pattern_text.line, fix)
            captures[name] = _capture(pattern_text, f"the capture {name}", fields)
    return captures


def _capture(found: Located, what: str, fields: Fields) -> str:
    """An anchored pattern with one group, or `json:PATH`."""
    text = fields.text(found, what)
    if not text.startswith(JSON_CAPTURE):
        return fields.pattern(found, what, anchored=True)
    if not _JSON_PATH.fullmatch(text.removeprefix(JSON_CAPTURE)):
        raise fields.place.error(f"{what} has no path", found.line, "Write json: and names or numbers: items.0.name")
    return text


def _undo(given: Mapping[str, Sequence[Located]], fields: Fields) -> Undo | None:
    text = _one(given, "undo", fields)
    return Undo(restore=True) if text == "restore" else Undo(text=text) if text else None


def _rows(given: Mapping[str, Sequence[Located]], fields: Fields) -> tuple[int, int] | None:
    """How many rows a statement may change: `1`, or `1-10`."""
    if "rows" not in given:
        return None
    text = _one(given, "rows", fields)
    match = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", text)
    least = int(match.group(1)) if match else 1
    most = int(match.group(2) or least) if match else 0
    if most < least:
        raise fields.place.error(f"rows `{text}` is not understood", given["rows"][0].line, "Write 1, or 1-10.")
    return least, most


def _check_spaces(text: str, fence: Fence, place: Place) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if any(unicodedata.category(character) == "Zs" and character != " " for character in line):
            fix = "Type the space again: it was pasted from a page and is part of the word to a shell."
            raise place.error("there is a no-break space in this command", fence.line + number, fix)
