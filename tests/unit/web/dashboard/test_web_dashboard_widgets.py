"""What the pages make of what came from outside: marked, written out, and never markup."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.difference import difference
from opsagent.web.dashboard.widgets.editor import pairs_in
from opsagent.web.dashboard.widgets.filters import address
from opsagent.web.dashboard.widgets.folded import folded
from opsagent.web.dashboard.widgets.manifest import irreversible, manifest
from opsagent.web.dashboard.widgets.prose import prose
from opsagent.web.dashboard.widgets.rehearsal import rehearsal
from opsagent.web.dashboard.widgets.words import badge, pairs, text, took, when

MANIFEST = {
    "proof": "effect",
    "reads": [],
    "writes": ["/etc/<b>x</b>"],
    "deletes": [],
    "contacts": [],
    "services": [],
    "processes": [],
    "executes": [],
    "sensitive": [],
    "forbidden": [],
    "privileged": False,
    "reversible": None,
    "author": "",
    "reasons": ["it writes"],
}


def bare(markup: Markup) -> str:
    """What a reader sees in the command's block."""
    block = re.search(r"<code>(.*)</code></pre>", str(markup), re.DOTALL)
    assert block
    seen = re.sub(r'<span class="unseen">[^<]*</span>', "", block.group(1))
    return html.unescape(re.sub("<[^>]*>", "", seen))


def test_what_came_from_outside_is_marked_with_where_from() -> None:
    shown = command("rm 'a b'", [{"start": 3, "end": 8, "origin": "alert label file"}])
    assert re.search(r'<mark class="outside" title="From outside: alert label file">&#39;a b&#39;', str(shown))
    assert "came from outside" in shown


def test_what_cannot_be_seen_is_written_out() -> None:
    shown = str(command("echo a\u202eb\x1b[31m"))
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert 'title="A character that cannot be seen: U+202E">\\u202e</mark>' in shown


@given(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40), st.data())
def test_marks_never_lose_repeat_or_reorder_a_character(words: str, data: st.DataObject) -> None:
    place = st.integers(0, len(words))
    spans = [
        {"start": data.draw(place), "end": data.draw(place), "origin": "x"} for _ in range(data.draw(st.integers(0, 4)))
    ]
    assert bare(command(words, spans)) == words


@given(st.text(max_size=60))
def test_no_text_becomes_markup(words: str) -> None:
    hostile = f"<script>alert(1)</script>{words}<img src=x onerror=alert(1)>"
    for shown in (
        text(hostile),
        command(hostile),
        folded("Output", hostile),
        prose(hostile),
        badge(hostile),
        when(hostile),
        pairs({hostile: hostile}),
        manifest({**MANIFEST, "writes": [hostile], "reasons": [hostile]}),
    ):
        assert "<script" not in shown
        assert "<img" not in shown


def test_prose_fetches_nothing_and_runs_nothing() -> None:
    shown = prose("![x](http://elsewhere.invalid/x.png) [go](javascript:alert(1)) <iframe></iframe>")
    assert "<img" not in shown
    assert "<iframe" not in shown
    assert 'href="javascript' not in shown


def test_a_second_look_is_asked_for_what_cannot_be_taken_back_or_proven() -> None:
    assert not irreversible(MANIFEST)
    assert irreversible({**MANIFEST, "reversible": False})
    assert irreversible({**MANIFEST, "deletes": ["/var/x"]})
    assert irreversible({**MANIFEST, "proof": "unknown"})


def test_durations_are_in_the_units_that_matter() -> None:
    assert [took(ms) for ms in (None, 90, 1500, 61_000, 3_725_000)] == ["", "90 ms", "1 s", "1 min 1 s", "1 h 2 min"]


def test_an_address_holds_only_what_is_set() -> None:
    assert address("/runs", {"status": "failed", "source": ""}) == "/runs?status=failed"
    assert address("/runs", {"status": ""}) == "/runs"


def test_a_difference_marks_lines_by_their_sign_and_not_its_own_head() -> None:
    shown = str(difference("--- version 1\n+++ version 2\n@@ -1 +1 @@\n-<b>old\n+new\n--- a line of dashes\n same"))
    kinds = re.findall(r'<span class="(\w*)">(.*?)\n</span>', shown)
    assert [kind for kind, _ in kinds] == ["place", "place", "place", "gone", "added", "gone", ""]
    assert kinds[3][1] == "-&lt;b&gt;old"
    assert "equal" in difference("")


def test_a_dry_run_opens_what_is_denied_or_cannot_be_told() -> None:
    step = {
        "name": "look",
        "phase": "diagnosis",
        "command": "cat x",
        "target": "web",
        "when": "",
        "undo": "",
        "saves": [],
    }

    def judged(decision: str) -> dict[str, object]:
        verdict = {"decision": decision, "reason": "<i>why</i>", "rule": "r", "manifest": MANIFEST}
        return {**step, "verdict": verdict, "problem": ""}

    untold = {**step, "verdict": None, "problem": "It has no value <x>."}
    shown = str(rehearsal({"steps": [judged("ALLOW"), judged("DENY"), untold], "denied": True}))
    assert re.findall(r"<details(| open)>", shown) == ["", " open", " open"]
    assert "The policy denies a step" in shown
    assert "&lt;i&gt;why" in shown
    assert "no value &lt;x&gt;" in shown
    assert "<i>" not in shown
    assert "nobody follows" in rehearsal({"steps": [], "denied": False})


def test_values_are_read_a_line_each() -> None:
    assert pairs_in("a=1\n b = x=y \nno value\n=nameless\n") == {"a": "1", "b": "x=y"}
