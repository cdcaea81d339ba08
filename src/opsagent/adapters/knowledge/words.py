"""How text becomes search words: camelCase parted, other names for the same thing made one, empty words left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_QUERY_CHARS = 4000
MAX_TERMS = 24
_WORD = re.compile(r"[^\W_]+")
_JOINED = re.compile(r"[^\W_]+(?:[-_.:][^\W_]+)+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]{2,}|[0-9]+|[^\W_A-Za-z0-9]+")
_NUMBERED = re.compile(r"[a-z]{2,}[0-9]{1,2}")
_EMPTY_WORDS = (
    "a about after again all also am an and any are as at be been before being but by can cannot could did do "
    "does done for from get gets getting go goes got had has have he help her here his how i if in into is it its "
    "just keep keeps let like made make makes me more most my need no not now of off on one only or our out "
    "over please seem seems she should since so some still such than that the their them then there these they "
    "this those to up us use used very want was we were what when where which while who why will with would "
    "you your alert alerts instance labels value severity warning critical firing problem issue error errors fix "
    "happened today currently something wrong running runs run almost really someone says say "
    "know tell anything"
)
EMPTY = frozenset(_EMPTY_WORDS.split())
_SAME: dict[str, str] = {
    **dict.fromkeys(("postgres", "postgresql", "pg", "psql", "pgsql"), "postgres"),
    **dict.fromkeys(("ssl", "tls", "https", "x509"), "tls"),
    **dict.fromkeys(("cert", "certs", "certificates"), "certificate"),
    **dict.fromkeys(("mem", "ram", "oom"), "memory"),
    **dict.fromkeys(("fs", "filesystems", "partition", "volume", "disks", "mount", "storage"), "filesystem"),
    **dict.fromkeys(("db", "databases"), "database"),
    **dict.fromkeys(("conn", "conns", "session", "sessions", "clients"), "connection"),
    **dict.fromkeys(("ntp", "chrony", "chronyd", "timesyncd", "clocks", "skew", "drift", "drifting"), "clock"),
    **dict.fromkeys(("500", "502", "503", "504"), "5xx"),
    **dict.fromkeys(("inodes",), "inode"),
    **dict.fromkeys(("lookup", "lookups", "nxdomain", "nameserver", "resolver", "nslookup"), "dns"),
    **dict.fromkeys(("cpus", "processor", "processors", "cores", "load"), "cpu"),
    **dict.fromkeys(("crashed", "crashes", "crashing", "died", "dead"), "down"),
    **dict.fromkeys(("systemctl", "unit", "daemon", "units"), "systemd"),
    **dict.fromkeys(("exhausted", "exhaustion", "filling", "fills", "filled"), "full"),
    **dict.fromkeys(("expired", "expires", "expiring", "expiration", "expiry"), "expire"),
    **dict.fromkeys(("blocked", "blocking", "deadlock", "deadlocks", "locked"), "lock"),
    **dict.fromkeys(("website", "site", "endpoint"), "web"),
    **dict.fromkeys(("logs", "logfile", "logrotate"), "log"),
}


def search_words(text: str) -> Iterator[str]:
    """Every word of a text as it is indexed: each part of a camelCase word, and the whole word where it was parted."""
    for word in _WORD.findall(text):
        parts = _PARTS.findall(word)
        if len(parts) > 1:
            yield word.lower()
        for part in parts or [word]:
            lowered = part.lower()
            yield _SAME.get(lowered, lowered)


def query_terms(query: str) -> list[str]:
    """The words of a query that say something, once each, in order; at most 24. Of `web3`, `web` and the whole."""
    terms: list[str] = []
    for word in _WORD.findall(query[:MAX_QUERY_CHARS]):
        for part in _PARTS.findall(word) or [word]:
            lowered = _SAME.get(part.lower(), part.lower())
            if lowered not in terms and _tells(lowered):
                terms.append(lowered[:64])
        if is_numbered(word.lower()) and word.lower() not in terms:
            terms.append(word.lower()[:64])
        if len(terms) >= MAX_TERMS:
            break
    return terms[:MAX_TERMS]


def compound_names(query: str) -> list[str]:
    """The words that look like names: several parts in one, such as HostOutOfMemory, disk-full or check_ntp_time."""
    shown = query[:MAX_QUERY_CHARS]
    parted = [word for word in _WORD.findall(shown) if len(_PARTS.findall(word)) > 1]
    return [name.casefold() for name in dict.fromkeys([*_JOINED.findall(shown), *parted])][:MAX_TERMS]


def is_numbered(word: str) -> bool:
    """Whether it is one of several, such as web3 or shop16: the small number alone says nothing, the whole much."""
    return _NUMBERED.fullmatch(word) is not None


def _tells(word: str) -> bool:
    """Whether a word says something: no filler, no single letter, no small number (a share, a count)."""
    return word not in EMPTY and (len(word) > (2 if word.isdigit() else 1) or not word.isascii())


def exact_name(text: str) -> str:
    """A name as exact matches compare it: without case, with single spaces."""
    return " ".join(text[:MAX_QUERY_CHARS].casefold().split())
