"""The few commands whose meaning no table can hold: test, cd, eval, dig, getent, service, kill, host-and-port tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from opsagent.adapters.analysers.shell.effects import apply_kind
from opsagent.adapters.analysers.shell.words import Word
from opsagent.domain.command_table import Kind

if TYPE_CHECKING:
    from opsagent.adapters.analysers.shell.classify import Call, Walker


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNARY = _words("-b -c -d -e -f -g -h -k -n -p -r -s -u -w -x -z -G -L -N -O -S")
_BINARY = _words("= == != < > -eq -ne -lt -le -gt -ge -nt -ot -ef")
_JOINERS = frozenset({"!", "-a", "-o", "(", ")"})
_RECORD = re.compile(r"A|AAAA|ANY|CAA|CNAME|MX|NS|PTR|SOA|SRV|TXT|IN|a|aaaa|any|caa|cname|mx|ns|ptr|soa|srv|txt|in")


def _test(walker: Walker, call: Call) -> None:
    """`test` and `[`: an operand may be dynamic only where its operator is written beside it, and as one word.

    `-v` and `-R` evaluate subscripts, so a word that could become one of them is never harmless.
    """
    words = list(call.arguments)
    if call.title == "[" and words and words[-1].text == "]":
        words.pop()
    texts = [word.text for word in words]
    if any(text in {"-v", "-R"} for text in texts):
        walker.findings.unknown(f"{call.title} -v evaluates subscripts")
    if any(word.many for word in words):
        walker.findings.unknown(f"{call.title}: a word may become several; quote it")
        return
    for index, word in enumerate(words):
        if word.text is not None:
            continue
        before = texts[index - 1] if index else None
        after = texts[index + 1] if index + 1 < len(texts) else None
        beside = before in _UNARY or before in _BINARY or after in _BINARY
        if not beside and word.may_be_option:
            walker.findings.unknown(f"{call.title}: {word.shown} could turn into an operator")


def _cd(walker: Walker, call: Call) -> None:
    for word in call.placed.positional[:1]:
        relative = not all(one.startswith(("/", "~")) for one in word.alternatives)
        if word.text == "-" or (relative and walker.loops):
            walker.findings.lost()
        else:
            walker.findings.enter(word)
    if not call.placed.positional:
        walker.findings.enter(Word(("~",)))


def _dig(walker: Walker, call: Call) -> None:
    """Names are looked up at a server, and a name can carry data out: each is a contact."""
    words = list(call.arguments)
    while words:
        word = words.pop(0)
        text = word.text
        if text is None:
            walker.findings.unknown(f"{call.title}: {word.shown} is not written out")
        elif text in {"-4", "-6"} or text.startswith("+") or _RECORD.fullmatch(text):
            continue
        elif text in {"-p", "-t", "-x"} and words:
            value = words.pop(0)
            if text == "-x":
                _host(walker, call, value)
        elif text.startswith("-"):
            walker.findings.unknown(f"{call.title}: the option {text} is not known to only read")
        else:
            _host(walker, call, Word((text.removeprefix("@"),)))


def _host(walker: Walker, call: Call, word: Word) -> None:
    for problem in apply_kind(walker.findings, Kind.HOST, word):
        walker.findings.unknown(f"{call.title}: {problem}")


def _getent(walker: Walker, call: Call) -> None:
    database = call.placed.positional[0].text if call.placed.positional else None
    if database in {"shadow", "gshadow"}:
        walker.findings.secret("getent shows password hashes")
    elif database in {"hosts", "ahosts", "ahostsv4", "ahostsv6"}:
        for word in call.placed.positional[1:]:
            _host(walker, call, word)
    elif database not in {"passwd", "group", "services", "protocols", "networks", "rpc", "ethers"}:
        walker.findings.unknown("getent: the database is not known to be harmless")


_SERVICE_CHANGES = _words("start stop restart reload force-reload try-restart condrestart")


def _service(walker: Walker, call: Call) -> None:
    words = call.placed.positional
    if not words and "--status-all" in call.placed.given:
        return
    action = words[1].text if len(words) > 1 else None
    if action == "status" and words[0].text is not None:
        return
    if action in _SERVICE_CHANGES:
        walker.findings.effect(f"{action}s a service", reversible=None)
        apply_kind(walker.findings, Kind.SERVICE, words[0])
    else:
        walker.findings.unknown("service: only `status` is known to only read")


def _kill(walker: Walker, call: Call) -> None:
    if call.arguments and call.arguments[0].text in {"-l", "-L"}:
        return
    targets: Sequence[Word] = call.arguments
    if targets and (first := targets[0].text) is not None and first.startswith("-"):
        targets = targets[2:] if first in {"-s", "-n"} else targets[1:]
    walker.findings.effect("sends a signal to a process", reversible=False)
    for word in targets:
        if word.text == "--":
            continue
        if word.text in {"1", "-1"}:
            walker.findings.forbid("signals every process or the first one (init)")
        apply_kind(walker.findings, Kind.PROCESS, word)
        if word.text is None:
            walker.findings.unknown(f"cannot tell which process is signalled: {word.shown}")


def _host_port(walker: Walker, call: Call) -> None:
    """`nc -z HOST PORT`: one contact."""
    words = call.placed.positional
    host, port = (words[0].text, words[1].text) if len(words) == 2 else (None, None)
    if host is None or port is None or not re.fullmatch(r"[0-9]{1,5}", port):
        walker.findings.unknown(f"{call.title} needs one written-out host and port")
        return
    _host(walker, call, Word((f"{host}:{port}",)))


def _grep(walker: Walker, call: Call) -> None:
    """The first word is the pattern unless an option gave it; without a file, a recursive search reads the folder."""
    recursive = call.title == "rg" or call.placed.given & {"-r", "-R", "--recursive", "--dereference-recursive"}
    words = call.placed.positional
    given = call.placed.given & {"-e", "--regexp", "-f", "--file"} or (words and words[0].many)
    files = words if given else words[1:]
    kind = Kind.TREE if recursive else Kind.READ
    for word in files:
        apply_kind(walker.findings, kind, word)
    if recursive and not files:
        apply_kind(walker.findings, kind, Word((".",)))


def _quiet(walker: Walker, call: Call) -> None:
    """A connection that passes standard input on: it must be empty, else it sends what nobody looked at."""
    node = id(call.node)
    feed = walker.feeds.get(node)
    words = [word.text for arg in (feed or {}).get("Args") or [] for word in walker.scope.words(arg)]
    if node not in walker.quiet and words not in (["echo"], ["echo", ""], ["echo", "Q"]):
        walker.findings.unknown(f"{call.title} sends what it is fed: add `</dev/null`")


def _nothing(_: Walker, __: Call) -> None:
    """Known by its table; the name only marks what it prints."""


def _wget(walker: Walker, call: Call) -> None:
    if not call.placed.given & {"--max-redirect"} and call.arguments:
        walker.findings.unknown("wget follows redirects to other hosts: add `--max-redirect=0`, or use curl")


def _sed(walker: Walker, call: Call) -> None:
    """With `-i` every file it is given is written, and it is given none where a script stands first."""
    if not call.placed.given & {"-i", "--in-place"}:
        return
    scripted = call.placed.given & {"-e", "--expression"}
    for word in call.placed.positional[0 if scripted else 1 :]:
        for problem in apply_kind(walker.findings, Kind.WRITE, word):
            walker.findings.unknown(f"{call.title}: {problem}")


def _text(walker: Walker, call: Call) -> None:
    """`eval` and `trap`: never proven, but what the text would do is shown to who decides, and stopped if forbidden."""
    words = call.arguments[:1] if call.title == "trap" else call.arguments
    texts = [word.text for word in words]
    known = [text for text in texts if text is not None]
    if len(known) != len(texts):
        walker.script(None, call.title)
    elif known and known[0] not in {"-", "-l", "-p"}:
        walker.script(" ".join(known), call.title)


def _disk(walker: Walker, call: Call) -> None:
    """`fdisk -l` lists; everything else these are for is beyond approval."""
    if not call.placed.given & {"-l", "-x", "--list", "--list-details"}:
        walker.findings.forbid(f"{call.title} changes how a disk is divided")


_GIT_RUNS: Mapping[str, str] = {
    "status": "filters and a monitor",
    "diff": "filters, a monitor and other differs",
    "ls-files": "a monitor",
    "describe": "filters and a monitor",
}
_GIT_SIGNED = _words("log show reflog shortlog stash")
_GIT_SHOWS = _words("show blame")


def _git(walker: Walker, call: Call) -> None:
    """A repository's own configuration can name programs, and whoever owns it is not always who looks at it.

    git-config(1): core.fsmonitor, filter.*.clean, diff.external, diff.*.textconv, log.showSignature with gpg.program.
    """
    words = [word.text or "" for word in call.placed.positional]
    if not words:
        return
    action, rest = words[0], words[1:]
    unknown = walker.findings.unknown
    if action in _GIT_RUNS and not (action == "describe" and not any(one.startswith("--dirty") for one in rest)):
        unknown(f"git {action} runs what the repository's configuration names: {_GIT_RUNS[action]}")
    unsigned = any(label == "-c" for label, _, _ in call.placed.options)
    if action in _GIT_SIGNED and not unsigned:
        unknown(f"git {action} may run the repository's gpg.program: say `git -c log.showSignature=false {action}`")
    patches = action in _GIT_SHOWS or any(one.startswith(("-p", "--patch", "-L", "-S", "-G")) for one in rest)
    if patches and "--no-textconv" not in rest:
        unknown(f"git {action} runs the repository's text converters: add `--no-textconv`")
    if any("%G" in one or "signature" in one.lower() for one in rest):
        unknown(f"git {action} checks signatures with a program the repository names")


CHECKS: Mapping[str, Callable[[Walker, Call], None]] = {
    "test": _test,
    "cd": _cd,
    "dig": _dig,
    "getent": _getent,
    "service": _service,
    "kill": _kill,
    "host_port": _host_port,
    "date": _nothing,
    "git": _git,
    "disk": _disk,
    "grep": _grep,
    "quiet": _quiet,
    "sed": _sed,
    "text": _text,
    "wget": _wget,
}
