"""What a word of each kind does: the bridge from a table's kinds to the findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from opsagent.adapters.analysers.shell.findings import Findings
from opsagent.adapters.analysers.shell.programs import awk_problem, jq_problem, sed_problem
from opsagent.adapters.analysers.shell.words import Word, dynamic
from opsagent.domain.command_table import Kind

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+\]?")
_URL = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?(?P<rest>[/?][^\x00-\x20\x7f]*)?",
    re.DOTALL,
)


def apply_kind(findings: Findings, kind: Kind, word: Word) -> list[str]:
    """Note what a word of this kind does; returns why something about it is not known, in words."""
    return _APPLY[kind](findings, word)


def _any(_: Findings, __: Word) -> list[str]:
    return []


def _fixed(_: Findings, word: Word) -> list[str]:
    known = word.numeric or (not word.many and not any(dynamic(one) for one in word.alternatives))
    return [] if known else [f"{word.shown} is not written out"]


def _name(findings: Findings, word: Word) -> list[str]:
    if word.text is None or not _IDENTIFIER.fullmatch(word.text):
        return [f"{word.shown} is not a plain variable name"]
    return [f"setting {word.text} changes what commands do"] if findings.dangerous(word.text) else []


def _read(findings: Findings, word: Word) -> list[str]:
    findings.read(word)
    return []


def _tree(findings: Findings, word: Word) -> list[str]:
    findings.read(word, tree=True)
    return []


def _list(findings: Findings, word: Word) -> list[str]:
    findings.look(word)
    return []


def _write(findings: Findings, word: Word) -> list[str]:
    findings.write(word)
    return _fixed(findings, word)


def _delete(findings: Findings, word: Word) -> list[str]:
    findings.delete(word)
    return _fixed(findings, word)


def _delete_tree(findings: Findings, word: Word) -> list[str]:
    findings.delete(word, tree=True)
    return _fixed(findings, word)


def _change_tree(findings: Findings, word: Word) -> list[str]:
    findings.change_tree(word)
    return _fixed(findings, word)


def _host(findings: Findings, word: Word) -> list[str]:
    for one in word.alternatives:
        name = one.rpartition("@")[2]  # user@host
        if word.many or not _HOST.fullmatch(re.sub(r":[0-9]{1,5}$", "", name) if name.count(":") == 1 else name):
            return [f"cannot tell which host is contacted: {word.shown}"]
        findings.contacts[name.lower()] = None
    return []


def _url(findings: Findings, word: Word) -> list[str]:
    for one in word.alternatives:
        match = _URL.fullmatch(one)
        if match is None or (match["scheme"] or "http") not in {"http", "https"}:
            return [f"cannot tell what is contacted: {word.shown}"]
        if any(character in one for character in "{}\\") or word.unknown:
            return [f"the address may become several: {word.shown}"]
        port = match["port"] or (":443" if match["scheme"] == "https" else ":80")
        findings.contacts[match["host"].lower() + port] = None
    return []


def _service(findings: Findings, word: Word) -> list[str]:
    findings.services[word.shown] = None
    for one in word.alternatives:
        for listed, words in findings.tables.forbidden_services:
            if one.removesuffix(".service") == listed:
                findings.forbid(f"{words} ({word.shown})")
    return _fixed(findings, word)


def _process(findings: Findings, word: Word) -> list[str]:
    findings.processes[word.shown] = None
    return _fixed(findings, word)


def _execute(findings: Findings, word: Word) -> list[str]:
    findings.execute(word)
    return [f"runs {word.shown}, whose content is not known"]


def _awk(findings: Findings, word: Word) -> list[str]:
    if word.text is None:
        return ["its awk program is not written out"]
    problem, reveals = awk_problem(word.text)
    if reveals:
        findings.secret(reveals)
    return [problem] if problem else []


def _sed(_: Findings, word: Word) -> list[str]:
    if word.text is None:
        return ["its sed script is not written out"]
    problem = sed_problem(word.text)
    return [problem] if problem else []


def _jq(findings: Findings, word: Word) -> list[str]:
    if word.text is None:
        return ["its jq program is not written out"]
    problem, reveals = jq_problem(word.text)
    if reveals:
        findings.secret(reveals)
    return [problem] if problem else []


_APPLY: Mapping[Kind, Callable[[Findings, Word], list[str]]] = {
    Kind.ANY: _any,
    Kind.FIXED: _fixed,
    Kind.NAME: _name,
    Kind.READ: _read,
    Kind.TREE: _tree,
    Kind.LIST: _list,
    Kind.WRITE: _write,
    Kind.DELETE: _delete,
    Kind.DELETE_TREE: _delete_tree,
    Kind.CHANGE_TREE: _change_tree,
    Kind.HOST: _host,
    Kind.URL: _url,
    Kind.SERVICE: _service,
    Kind.PROCESS: _process,
    Kind.EXECUTE: _execute,
    Kind.AWK: _awk,
    Kind.SED: _sed,
    Kind.JQ: _jq,
}
