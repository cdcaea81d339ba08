"""Path patterns: when a command's and a listed one can name the same file."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.analysers.shell.paths import _listed_tokens, _meet, _tokens, candidates, may_meet
from opsagent.adapters.analysers.shell.words import ANY, NUMBER, QUERY, STAR


@pytest.mark.parametrize(
    ("path", "listed", "meets"),
    [
        ("/etc/shadow", "/etc/shadow*", True),
        (f"/etc/sh{STAR}", "/etc/shadow*", True),
        (f"/e{STAR}/shadow", "/etc/shadow*", True),
        (f"/etc/shado{QUERY}", "/etc/shadow*", True),
        ("/etc/hosts", "/etc/shadow*", False),
        ("/proc/self/environ", "/proc/*/environ", True),
        (f"/proc/{NUMBER}/limits", "/proc/kcore", False),
        (f"/proc/{NUMBER}/environ", "/proc/*/environ", True),
        (".env", "**/.env", True),
        ("/srv/app/.env", "**/.env", True),
        ("/srv/app/x.env", "**/.env", False),
        (f"/srv/app/{STAR}", "**/.env", False),  # a shell's star does not match a leading dot
        (f"/srv/app/.{STAR}", "**/.env", True),
        ("/home/a/.ssh/id", "**/.ssh/**", True),
        (f"{ANY}/shadow", "/etc/shadow*", True),
    ],
)
def test_may_meet(path, listed, meets):
    assert may_meet(path, listed) is meets


def test_candidates_do_not_trust_a_step_up():
    assert candidates("/var/run/../etc/shadow", [""]) == [f"{ANY}/etc/shadow"]
    assert candidates("./a//b", ["", "/x"]) == ["a/b", "/x/a/b"]
    assert candidates("~/a", ["/x"]) == ["~/a"]


NAMES = st.text(alphabet="ab.", min_size=1, max_size=4)


@given(NAMES, st.text(alphabet="ab.*?", min_size=1, max_size=4))
def test_a_plain_name_meets_what_fnmatch_says(name, listed):
    if "**" not in listed:
        assert may_meet(name, listed) is fnmatchcase(name, listed)


@given(st.text(alphabet="ab./", min_size=1, max_size=6), st.text(alphabet="ab./*?", min_size=1, max_size=6))
def test_the_quick_way_says_what_the_careful_way_says(path, listed):
    rooted = [listed.removeprefix("**/")]
    careful = any(_meet(_tokens(path), _listed_tokens(one)) for one in rooted)
    if listed.startswith("**/"):
        careful = careful or _meet(_tokens(path), ("deep", "=/", *_listed_tokens(rooted[0])))
    assert may_meet(path, listed) is careful


@given(st.text(alphabet="ab*?", min_size=1, max_size=4), st.text(alphabet="ab*?", min_size=1, max_size=4), NAMES)
def test_two_globs_that_share_a_name_meet(first, second, name):
    if "**" in second or name.startswith("."):
        return
    if fnmatchcase(name, first) and fnmatchcase(name, second):
        assert may_meet(first.replace("*", STAR).replace("?", QUERY), second)
