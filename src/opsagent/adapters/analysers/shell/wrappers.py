"""Commands that start other commands: sudo, env, timeout, xargs, find -exec, sh -c, ssh, watch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opsagent.adapters.analysers.shell.effects import apply_kind
from opsagent.adapters.analysers.shell.words import ANY, BELOW, UNKNOWN, Word
from opsagent.domain.command_table import Kind, Wrap

if TYPE_CHECKING:
    from opsagent.adapters.analysers.shell.classify import Call, Walker

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_GROUPING = frozenset({"(", ")", "!", ","})


def unwrap(walker: Walker, call: Call) -> None:
    """Go on with the command inside."""
    wrap = call.table.wrap
    if wrap is Wrap.COMMAND:
        _command(walker, call)
    elif wrap is Wrap.SHELL:
        _joined(walker, call, call.placed.positional)
    elif wrap is Wrap.SCRIPT:
        _script(walker, call)
    elif wrap is Wrap.XARGS:
        _xargs(walker, call)
    elif wrap is Wrap.FIND:
        _find(walker, call)
    else:
        _remote(walker, call)


def _command(walker: Walker, call: Call) -> None:
    words = list(call.placed.positional)[call.table.skips :]
    while words and words[0].text is not None and (match := _ASSIGNMENT.match(words[0].text)):
        walker.exported(match[1])
        words.pop(0)
    if words:
        walker.call(words)
    elif call.table.bare_secret:
        walker.findings.secret(f"{call.title} {call.table.bare_secret}")
    elif call.table.bare and call.arguments and not (call.placed.given & call.table.required):
        walker.findings.unknown(f"{call.title} alone {call.table.bare}")


def _joined(walker: Walker, call: Call, words: Sequence[Word]) -> None:
    texts = [word.text for word in words]
    known = [text for text in texts if text is not None]
    walker.script(" ".join(known) if texts and len(known) == len(texts) else None, call.title, dialect="sh")


def _script(walker: Walker, call: Call) -> None:
    words = call.placed.positional
    if "-c" in call.placed.given:
        walker.script(words[0].text if words else None, call.title, dialect=call.title)
    elif words:
        for problem in apply_kind(walker.findings, Kind.EXECUTE, words[0]):
            walker.findings.unknown(f"{call.title} {problem}")
    elif not call.placed.given & call.table.required:
        walker.findings.unknown(f"{call.title} runs whatever it is fed")


def _xargs(walker: Walker, call: Call) -> None:
    words = call.placed.positional
    if not words:
        return  # prints its input
    fed = _fed(walker, call)
    holder = next((value.text for name, _, value in call.placed.options if name in {"-I", "--replace"} and value), None)
    if holder is None:
        walker.call([*words, fed])
    else:
        walker.call([_fill(word, holder, Word(fed.alternatives)) for word in words])


def _fed(walker: Walker, call: Call) -> Word:
    """What comes from standard input: anything, or the files below a folder when `find -print0` feeds `xargs -0`."""
    left = walker.feeds.get(id(call.node)) if call.node is not None else None
    if left is None or not call.placed.given & {"-0", "--null"}:
        return UNKNOWN
    words = [word for node in left.get("Args") or [] for word in walker.scope.words(node)]
    if not words or words[0].text != "find" or not any(word.text == "-print0" for word in words):
        return UNKNOWN
    return _below(_roots(words[1:])[0])


def _fill(word: Word, holder: str, value: Word) -> Word:
    """The word with what stands for `{}` put in."""
    text = word.text
    if text is None:
        return UNKNOWN if any(holder in one for one in word.alternatives) else word
    if holder not in text:
        return word
    return Word(tuple(text.replace(holder, one) for one in value.alternatives), value.many)


def _roots(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """The folders `find` starts at, and its expression."""
    for index, word in enumerate(words):
        text = word.text
        if text is not None and (text in _GROUPING or (text.startswith("-") and text not in {"-H", "-L", "-P"})):
            return [one for one in words[:index] if one.text not in {"-H", "-L", "-P"}], list(words[index:])
    return [one for one in words if one.text not in {"-H", "-L", "-P"}], []


def _below(roots: Sequence[Word]) -> Word:
    starts = [one for root in roots or [Word((".",))] for one in root.alternatives]
    return Word(tuple(ANY if ANY in one else one.rstrip("/") + "/" + BELOW for one in starts), many=True)


def _find(walker: Walker, call: Call) -> None:
    roots, expression = _roots(call.arguments)
    for root in roots:
        if root.may_be_option:
            walker.findings.unknown(f"find: {root.shown} could turn into an action")
        walker.findings.look(root)
    files = _below(roots)
    while expression:
        word = expression.pop(0)
        if word.text in _EXEC:
            inner, expression = _until_end(expression)
            if inner:
                walker.call([_fill(one, "{}", files) for one in inner])
        elif word.text not in _GROUPING:
            _expression(walker, call, word, expression, roots or [Word((".",))])


def _expression(walker: Walker, call: Call, word: Word, rest: list[Word], roots: Sequence[Word]) -> None:
    """One test or action of `find`, with its value taken from `rest`."""
    text = word.text
    option = call.table.options.get(text) if text is not None else None
    if option is None or text is None:
        walker.findings.unknown(f"find: {word.shown} is not known to only look")
        return
    if text == "-delete":
        for root in roots:
            walker.findings.delete(root, tree=True)
    if option.effect:
        walker.findings.effect(f"find {text} {option.effect}")
    if option.kind is not None:
        _value(walker, text, option.kind, rest)


def _value(walker: Walker, name: str, kind: Kind, expression: list[Word]) -> None:
    if not expression:
        walker.findings.unknown(f"find: {name} lacks its value")
        return
    value = expression.pop(0)
    if value.many and value.unknown:
        walker.findings.unknown(f"find: the value of {name} may become several words: quote it")
    elif value.many:
        walker.findings.unknown(f"find: the shell may replace {value.shown} by file names: quote it")
    for problem in apply_kind(walker.findings, kind, value):
        walker.findings.unknown(f"find {name}: {problem}")


def _until_end(words: list[Word]) -> tuple[list[Word], list[Word]]:
    """The command of `-exec` up to `;`, or `+` after `{}`."""
    for index, word in enumerate(words):
        if word.text == ";" or (word.text == "+" and index and words[index - 1].text == "{}"):
            return words[:index], words[index + 1 :]
    return words, []


def _remote(walker: Walker, call: Call) -> None:
    words = call.placed.positional
    if not words:
        walker.findings.unknown(f"{call.title} without a host is not known to only read")
        return
    for problem in apply_kind(walker.findings, Kind.HOST, words[0]):
        walker.findings.unknown(f"{call.title}: {problem}")
    if len(words) == 1:
        walker.findings.unknown(f"{call.title} opens a session")
    else:
        _joined(walker, call, words[1:])
