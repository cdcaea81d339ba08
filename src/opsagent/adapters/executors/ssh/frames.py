"""How an order travels to `remote.sh` and its answer comes back."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# How many numbers stand behind the state: exit, timed out, cancelled, milliseconds, left, then each output's bytes
# here and not here.
_NUMBERS = 9


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host says: a state, its words or numbers, and the outputs."""

    state: str
    words: str
    stdout: bytes = b""
    stderr: bytes = b""
    numbers: tuple[int, ...] = ()


@cache
def remote_command() -> str:
    """What is executed on every host, the same for every order; the account's start-up files cannot reach into it."""
    script = resources.files(__package__).joinpath("remote.sh").read_text("utf-8")
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("#")]
    kept = 'HOME="$HOME" USER="$USER" LOGNAME="$LOGNAME"'
    text = "\n".join(lines)
    return f"exec /usr/bin/env -i {kept} PATH={SEARCH_PATH} LC_ALL=C bash --noprofile --norc -c {shlex.quote(text)}"


def encode(
    fields: Mapping[str, str], files: Iterable[tuple[str, str]], environment: Iterable[tuple[str, str]]
) -> bytes:
    """The order on the wire: each field behind its length in bytes. The fields are in the order `remote.sh` takes."""
    hashes = [f"{found} {path}" for path, found in files]
    values = [f"{name}={value}" for name, value in environment]
    texts = [*fields.values(), str(len(hashes)), *hashes, str(len(values)), *values]
    return b"".join(_field(text) for text in texts)


def _field(text: str) -> bytes:
    data = text.encode(errors="surrogatepass")
    return str(len(data)).encode() + b"\n" + data


def decode(data: bytes, nonce: str) -> Answer | None:
    """The answer in what came back; whatever the account's start-up files print stands before it. None: there is none.

    A state that comes with outputs has all of them, or there is no answer.
    """
    _, found, rest = data.partition(f"\nopsagent {nonce} ".encode())
    line, ended, blob = rest.partition(b"\n")
    if not found or not ended:
        return None
    state, _, words = line.decode(errors="replace").partition(" ")
    if state not in ("ended", "unknown"):
        return Answer(state, words)
    try:
        numbers = tuple(int(word) for word in words.split())
    except ValueError:
        return None
    if len(numbers) == 1:  # the end of a read, asked for: how many processes are left
        return Answer(state, words, numbers=numbers)
    if len(numbers) != _NUMBERS or len(blob) != numbers[5] + numbers[7]:
        return None
    return Answer(state, words, blob[: numbers[5]], blob[numbers[5] :], numbers)
