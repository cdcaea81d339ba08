"""What the pages make of what came from outside: marked, written out, and never markup."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.widgets.chart import Bar, chart
from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.days import how_it_went
from opsagent.web.dashboard.widgets.difference import difference
from opsagent.web.dashboard.widgets.editor import pairs_in
from opsagent.web.dashboard.widgets.filters import address
from opsagent.web.dashboard.widgets.folded import folded
from opsagent.web.dashboard.widgets.form import lines, named, written
from opsagent.web.dashboard.widgets.manifest import irreversible, manifest
from opsagent.web.dashboard.widgets.prose import prose
from opsagent.web.dashboard.widgets.question import way_back
from opsagent.web.dashboard.widgets.rehearsal import rehearsal
from opsagent.web.dashboard.widgets.secret_form import secret_of
from opsagent.web.dashboard.widgets.step import step
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


def test_a_page_has_one_title_whatever_the_text_in_it_calls_its_headings() -> None:
    shown = prose("# Shop down\n\n## Fix\n\nUnderlined\n===\n\n###### Last")
    assert "<h2>Shop down</h2>" in shown
    assert "<h3>Fix</h3>" in shown
    assert "<h2>Underlined</h2>" in shown
    assert "<h6>Last</h6>" in shown
    assert "<h1" not in shown


def test_a_second_look_is_asked_for_what_cannot_be_taken_back_or_proven() -> None:
    assert not irreversible(MANIFEST)
    assert irreversible({**MANIFEST, "reversible": False})
    assert irreversible({**MANIFEST, "deletes": ["/var/x"]})
    assert irreversible({**MANIFEST, "proof": "unknown"})


def test_a_card_says_whether_it_is_asked_again_and_why_not_where_it_names_no_way_back() -> None:
    assert "you are asked once more" in way_back({"undo": "", "manifest": {**MANIFEST, "reversible": False}})
    assert "one yes is enough" in way_back({"undo": "", "manifest": MANIFEST})
    assert "by hand" in way_back({"undo": "", "manifest": {**MANIFEST, "reversible": True}})
    told = way_back({"undo": "mkdir /var/x", "undoManifest": None, "manifest": {**MANIFEST, "deletes": ["/var/x"]}})
    assert "mkdir /var/x" in told
    assert "you are asked once more" in told


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


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")), max_size=40).map(str.strip)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_names_and_values_come_back_as_they_were(values: dict[str, str]) -> None:
    assert named(written(values)) == values


def test_a_value_of_several_lines_comes_back_whole() -> None:
    values = {"greeting": "hello\nb=c\n  deep", "next": "x"}
    assert named(written(values)) == values
    assert lines(" a \n\n b=c ") == ["a", "b=c"]


def test_a_line_that_is_no_pair_is_refused_by_what_it_says() -> None:
    with pytest.raises(Refused, match="service shop"):
        named("team=ops\nservice shop")


def test_a_value_that_is_kept_elsewhere_is_never_sent() -> None:
    given_values = {"kind": "token", "keeper": "vault", "reference": "kv/data/shop", "connections": "a\nb"}
    sent = secret_of(given_values, {})
    assert (sent["values"], sent["reference"], sent["connections"]) == ({}, "kv/data/shop", ["a", "b"])
    again = secret_of({"connections": "", "token": "new"}, {"kind": "token", "keeper": "store"})
    assert (again["kind"], again["keeper"], again["values"]) == ("token", "store", {"token": "new"})


def test_bars_are_as_tall_as_what_they_say_and_say_it_in_words() -> None:
    bars = [
        Bar("2026-11-30", (("good", 3), ("bad", 1)), "3 repaired, 1 not"),
        Bar("2026-12-01", (), ""),
        Bar("2026-12-02", (("good", 2),), "2 repaired, 0 not"),
    ]
    drawn = str(chart("Repaired", "83%", "of 6", bars, "Repaired"))
    heights = {tone: float(tall) for tone, tall in re.findall(r'class="(good|bad)".*?height="([\d.]+)"', drawn)}
    assert heights["bad"] * 2 == pytest.approx(heights["good"], rel=0.01)
    assert "Repaired: 83%. of 6. 2 of 3 days have something to show." in drawn
    assert drawn.count("<tr>") == 3
    assert "<title>2026-11-30: 3 repaired, 1 not</title>" in drawn


def test_before_anything_has_ended_it_says_what_will_be_drawn() -> None:
    nothing = {"repaired": 0, "byItself": 0, "remained": 0, "unmeasured": 0}
    assert "No ticket was looked at" in str(how_it_went({"days": [nothing], "together": nothing}))


@pytest.mark.parametrize(
    ("name", "ending", "words", "opened"),
    [
        ("measure", {"exitCode": 1}, "Not healthy", False),
        ("measure", {"timedOut": True}, "Not healthy", False),
        ("measure", {}, "Failed", True),
        ("measure", {"exitCode": 127}, "Failed", True),
        ("measure", {"exitCode": 126}, "Failed", True),
        ("measure", {"exitCode": 1, "cancelled": True}, "Failed", True),
        ("restart", {"exitCode": 1}, "Failed", True),
    ],
)
def test_a_measurement_that_finds_it_broken_has_not_failed_and_one_that_never_ran_has(
    name: str, ending: dict[str, object], words: str, opened: bool
) -> None:
    outcome = {
        "exitCode": None, "signal": None, "timedOut": False, "cancelled": False, "known": True, "durationMs": 5,
        "backend": "bwrap", "note": "", "stdout": "", "stderr": "", "truncated": False, "artifact": "",
    } | ending  # fmt: skip
    told = {
        "status": "failed", "name": name, "phase": "verify", "attempt": 1, "stepNumber": 1, "command": "curl x",
        "outside": [], "decision": "", "approval": None, "outcome": outcome, "undo": "",
    }  # fmt: skip
    shown = step(told, "r1", target="shop")
    assert words in shown
    assert ('<details class="step" open>' in shown) is opened
