"""Names what a change touches where the words do not say it one by one: archives, packers, downloads, signals."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from opsagent.adapters.analysers.shell.effects import apply_kind
from opsagent.adapters.analysers.shell.words import STAR, UNKNOWN, Word
from opsagent.domain.command_table import Kind

if TYPE_CHECKING:
    from opsagent.adapters.analysers.shell.classify import Call, Walker

_SUFFIXES = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst", "compress": ".Z"}
_UNPACKED = re.compile(r"\.(gz|bz2|xz|zst|lz4|Z|lzma|tgz|tbz2?|txz)$")
_UNPACKERS = frozenset({"gunzip", "bunzip2", "unxz", "unzstd", "uncompress"})
_KEEPERS = frozenset({"zstd", "unzstd"})  # these leave the packed file's source where it is
_REMOTE = re.compile(r"rsync://([^/:]+)|([^/:]+):")
_SETTING = re.compile(r"[A-Za-z0-9_./-]+=.*", re.DOTALL)


def _note(walker: Walker, call: Call, kind: Kind, word: Word) -> None:
    for problem in apply_kind(walker.findings, kind, word):
        walker.findings.unknown(f"{call.title}: {problem}")


def _values(call: Call, *names: str) -> list[Word]:
    """What was given to any of these options."""
    return [value for name, _, value in call.placed.options if name in names and value is not None]


def _pack(walker: Walker, call: Call) -> None:
    """`gzip F` makes F.gz and removes F, `gunzip F.gz` the other way round; with -c, -l or -t they only print."""
    given = call.placed.given
    files = [word for word in call.placed.positional if word.text != "-"]
    looks = given & {"-l", "--list", "-t", "--test"} and not given & {"-d", "--decompress", "--uncompress", "-z"}
    if looks or given & {"-c", "--stdout", "--to-stdout"} or not files:
        for word in files:
            _note(walker, call, Kind.TREE if given & {"-r", "--recursive"} else Kind.READ, word)
        return
    walker.findings.effect(f"{call.title} replaces files by their packed or unpacked form", reversible=True)
    unpacks = call.title in _UNPACKERS or given & {"-d", "--decompress", "--uncompress"}
    for word in files:
        if given & {"-r", "--recursive"}:
            _note(walker, call, Kind.CHANGE_TREE, word)
            continue
        _note(walker, call, Kind.READ if given & {"-k", "--keep"} or call.title in _KEEPERS else Kind.DELETE, word)
        if unpacks:
            made = tuple(_UNPACKED.sub("", one) for one in word.alternatives)
        else:
            made = tuple(one + _SUFFIXES.get(call.title, ".*") for one in word.alternatives)
        _note(walker, call, Kind.WRITE, Word(made, word.many))


def _split(walker: Walker, call: Call) -> None:
    """Makes files whose names begin with the second word, `x` where there is none."""
    prefix = call.placed.positional[1] if len(call.placed.positional) > 1 else Word(("x",))
    walker.findings.write(Word(tuple(one + STAR for one in prefix.alternatives), many=True))


def _tar(walker: Walker, call: Call) -> None:
    """`c`, `r` and `u` write the archive, `x` writes below -C or the current folder."""
    given, words = call.placed.given, list(call.placed.positional)
    archives = _values(call, "-f", "--file")
    if not archives and "-f" in given:  # `tar czf OUT ...`: the value stands behind the letters
        archives, words = words[:1], words[1:]
    if given & {"-c", "--create", "-r", "--append", "-u", "--update"}:
        for word in archives:
            _note(walker, call, Kind.WRITE, word)
        for word in words:
            _note(walker, call, Kind.TREE, word)
    else:
        for word in archives:
            _note(walker, call, Kind.READ, word)
    if given & {"-x", "--extract", "--get"}:
        for word in _values(call, "-C", "--directory")[-1:] or [Word((".",))]:
            _note(walker, call, Kind.WRITE, word)


def _unzip(walker: Walker, call: Call) -> None:
    if call.placed.given & {"-l", "-v", "-Z", "-t"} and "-d" not in call.placed.given:
        return
    walker.findings.effect("unzip unpacks files")
    for word in _values(call, "-d")[-1:] or [Word((".",))]:
        _note(walker, call, Kind.WRITE, word)


def _link(walker: Walker, call: Call) -> None:
    """With one word the link is made in the current folder, under the target's last name."""
    if len(call.placed.positional) == 1:
        target = call.placed.positional[0]
        names = tuple(posixpath.basename(one.rstrip("/")) or "." for one in target.alternatives)
        _note(walker, call, Kind.WRITE, Word(names, target.many))
        return
    *sources, target = call.placed.positional or [UNKNOWN]
    for word in sources:
        _note(walker, call, Kind.LIST, word)
    _note(walker, call, Kind.WRITE, target)


def _temporary(walker: Walker, call: Call) -> None:
    if not call.placed.positional:
        walker.findings.write(Word((f"/tmp/{STAR}",), many=True))  # noqa: S108 - where the command puts it


def _download(walker: Walker, call: Call) -> None:
    """`curl -O` makes a file named like the end of each address."""
    if call.placed.given & {"-O", "--remote-name", "--remote-name-all"}:
        for word in call.placed.positional:
            names = tuple(one.partition("?")[0].rpartition("/")[2] for one in word.alternatives)
            _note(walker, call, Kind.WRITE, Word(names, word.many) if all(names) else UNKNOWN)


def _copy(walker: Walker, call: Call) -> None:
    """`cp` between here and a container: what has a colon lies there."""
    words = [word for word in call.arguments if not (word.text or "").startswith("-")]
    for index, word in enumerate(words):
        inside = [one for one in word.alternatives if ":" in one]
        if inside:
            walker.findings.services[inside[0].partition(":")[0]] = None
        elif index == len(words) - 1:
            _note(walker, call, Kind.WRITE, word)
        else:
            _note(walker, call, Kind.TREE, word)


def _rsync(walker: Walker, call: Call) -> None:
    """The last word is the target. Options with a value are not told apart, so their values count as sources."""
    texts = [word.text or "" for word in call.arguments]
    if any(re.match(r"--rsh|--rsync-path|--log-file|--daemon|-[A-Za-z]*e", text) for text in texts):
        walker.findings.unknown("rsync starts a program or writes where an option says")
    *sources, target = [word for word in call.arguments if not (word.text or "").startswith("-")] or [UNKNOWN]
    for word in (*sources, target):
        host = _REMOTE.match(word.text or "")
        if host:
            _note(walker, call, Kind.HOST, Word((host[1] or host[2],)))
        elif word is target:
            _note(walker, call, Kind.CHANGE_TREE if any("--del" in text for text in texts) else Kind.WRITE, word)
        else:
            _note(walker, call, Kind.TREE, word)


def _signals(walker: Walker, call: Call) -> None:
    """`pkill -9 NAME`, `killall NAME`, `pkill -u USER`: the names, and the users all of whose processes are meant."""
    words, named = list(call.arguments), False
    while words:
        word = words.pop(0)
        text = word.text or ""
        if text in {"-u", "-U", "--euid", "--uid", "--user", "-t", "-P", "-g", "-G", "-s", "--parent"} and words:
            value = words.pop(0)
            if not (text == "-s" and call.title != "pkill"):
                walker.findings.processes[f"{text} {value.shown}"] = None
                named = True
        elif text == "--signal" and words:
            words.pop(0)
        elif not text.startswith("-"):
            _note(walker, call, Kind.PROCESS, word)
            named = True
    if not named:
        walker.findings.unknown(f"cannot tell which processes {call.title} reaches")


def _renice(walker: Walker, call: Call) -> None:
    words = list(call.arguments)
    words = words[2:] if words and words[0].text in {"-n", "--priority", "--relative"} else words[1:]
    for word in words:
        if not (word.text or "").startswith("-"):
            _note(walker, call, Kind.PROCESS, word)


def _kernel(walker: Walker, call: Call) -> None:
    """`sysctl KEY=VALUE` writes, with -w or without."""
    for word in call.placed.positional:
        if word.text is not None and _SETTING.fullmatch(word.text):
            key = word.text.partition("=")[0]
            walker.findings.effect("sysctl changes a kernel setting", reversible=True)
            path = key if "/" in key else key.replace(".", "/")
            _note(walker, call, Kind.WRITE, Word((f"/proc/sys/{path}",)))


NAMING: Mapping[str, Callable[[Walker, Call], None]] = {
    "copy": _copy,
    "download": _download,
    "kernel": _kernel,
    "link": _link,
    "pack": _pack,
    "renice": _renice,
    "rsync": _rsync,
    "signals": _signals,
    "split": _split,
    "tar": _tar,
    "temporary": _temporary,
    "unzip": _unzip,
}


def implied(walker: Walker, call: Call, implies: Sequence[tuple[Kind, str]]) -> None:
    """What a change of this command always touches, though no word of it says so (`useradd`: the user tables)."""
    changes = call.table.effect or any(option.effect for _, option, _ in call.placed.options)
    for kind, text in implies if changes else ():
        _note(walker, call, kind, Word((text,)))
