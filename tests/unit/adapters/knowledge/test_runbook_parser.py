"""Loading runbooks: the guide's example, every refusal with its line and fix, and public runbooks as they come."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.knowledge.markdown import decode_runbook, parse, parse_runbook
from opsagent.domain.languages import render
from opsagent.domain.render import Values
from opsagent.domain.request import parse_request
from opsagent.domain.runbook import Check, Expect, Phase, Undo, When
from opsagent.errors import RunbookError

GUIDE = Path(__file__).parents[4] / "docs" / "runbooks.md"
HEAD = "---\nid: x\nmeasures: {'*': {run: 'true'}}\n"


def doc(steps: str, head: str = "") -> str:
    return f"{HEAD}{head}---\n\n# X\n\n{steps}"


def fence(command: str, info: str = "shell name=a", heading: str = "Diagnosis") -> str:
    return f"## {heading}\n\n```{info}\n{command}\n```\n"


def test_the_guides_example_loads_without_a_warning() -> None:
    example = re.search(r"^````markdown\n(.*?)^````$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert example
    parsed = parse(example.group(1), path="queue-stuck.md", tenant="acme")
    assert parsed.warnings == ()
    runbook = parsed.runbook
    assert [(step.name, step.phase) for step in runbook.steps] == [
        ("state", Phase.DIAGNOSIS),
        ("oldest", Phase.DIAGNOSIS),
        ("first-lines", Phase.DIAGNOSIS),
        ("restart", Phase.MITIGATION),
        ("verify-1", Phase.VERIFY),
        ("rollback-1", Phase.ROLLBACK),
    ]
    assert runbook.step("restart").when == (When(step="state", state="matches", pattern="^(inactive|failed)$"),)
    assert runbook.step("restart").why == "The service is not active: start it again."
    assert runbook.measure_for("MailQueueTooLong") == Check(
        text="find {{connection.queue}} -type f -mmin +10", expect=Expect(absent="."), window_s=60.0, interval_s=10.0
    )
    assert runbook.version == hashlib.sha256(example.group(1).encode()).hexdigest()
    assert (runbook.tenant, runbook.owner, runbook.executable) == ("acme", "team-mail", True)


def test_the_guides_examples_of_other_languages_load() -> None:
    examples = re.findall(r"^````markdown\n(.*?)^````$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)[1:]
    steps = [
        parse_runbook(doc(f"## Fix\n\n{example}", "parameters: {order: '^[0-9]+$'}\n"), path="x.md").steps
        for example in examples
    ]
    assert [[step.executor for step in some] for some in steps] == [["sql"] * 2, ["http"] * 3]
    assert steps[1][1].undo is not None
    assert parse_request(render("http", steps[1][1].undo.text, Values(captures={"order": "7", "before": "x"})).text)


def test_every_attribute_is_read() -> None:
    text = doc(
        "## Fix\nBecause it **broke**. It [did](http://x). Not this one.\n```sh name=a expect=exit:0,3 expect=/up/ "
        'expect=!/down/ capture=pid:^pid=(\\d+)$ timeout=500ms retries=2 probe="test -e /x" save=/a,/b undo=restore\n'
        "echo pid=1 up\n```\n"
        "<!-- step\nexpect: {json: a.b, equals: 1}\nwhen: [a ok, 'a matches /x/']\nundo: rm -f /tmp/y\n-->\n"
        "```shell\ncat {{pid}}\n```\n"
    )
    first, second = parse_runbook(text, path="x.md").steps
    assert first.expect == Expect(exit_codes=(0, 3), matches="up", absent="down")
    assert (first.captures, first.timeout_s, first.retries) == ({"pid": r"^pid=(\d+)$"}, 0.5, 2)
    assert (first.probe, first.save, first.undo) == ("test -e /x", ("/a", "/b"), Undo(restore=True))
    assert first.why == "Because it broke. It did."
    assert second.name == "mitigation-2"
    assert second.expect == Expect(json_path="a.b", equals="1")
    assert second.when == (When(step="a", state="ok"), When(step="a", state="matches", pattern="x"))
    assert second.undo == Undo(text="rm -f /tmp/y")


def test_names_come_from_headings_and_never_clash() -> None:
    text = doc(
        "## Diagnosis\n### 1. Check the disk\n```sh\ndf\n```\n```sh\ndu\n```\n```sh name=check-the-disk-2\nls\n```\n"
    )
    names = [step.name for step in parse_runbook(text, path="x.md").steps]
    assert names == ["check-the-disk", "check-the-disk-3", "check-the-disk-2"]


def test_a_console_holds_commands_and_output() -> None:
    text = doc("## Debugging\n1. look\n\n   ```console\n   $ ls \\\n   >   -l\n   total 0\n   $ df\n   ```\n")
    (step,) = parse_runbook(text, path="x.md").steps
    assert step.text == "ls \\\n  -l\ndf"
    assert step.why == "look"


@pytest.mark.parametrize(
    ("heading", "phase"),
    [
        ("## DIAGNOSE", Phase.DIAGNOSIS),
        ("# Troubleshooting", Phase.DIAGNOSIS),
        ("#### How to fix", Phase.MITIGATION),
        ("## 2. Resolution:", Phase.MITIGATION),
        ("## Remediation steps", Phase.MITIGATION),
        ("## Steps to verify", Phase.VERIFY),
        ("## Post Validation", None),
        ("## Validation", Phase.VERIFY),
        ("## Roll back", Phase.ROLLBACK),
        ("## Undo", Phase.ROLLBACK),
        ("## Impact", None),
        ("## Meaning", None),
        ("## Mitigation\n### Example", None),
        ("## Mitigation\n### Restart everything", Phase.MITIGATION),
        ("## Mitigation\n### Verify", Phase.VERIFY),
        ("## Mitigation\n## Other", None),
    ],
)
def test_headings_open_phases(heading: str, phase: Phase | None) -> None:
    steps = parse_runbook(doc(f"{heading}\n```sh\nls\n```\n"), path="x.md").steps
    assert [step.phase for step in steps] == ([phase] if phase else [])


def test_diagnosis_comes_before_mitigation_wherever_it_stands() -> None:
    text = doc("## Fix\n```sh name=b when='a ok'\nls\n```\n## Diagnosis\n```sh name=a\nls\n```\n")
    assert [step.name for step in parse_runbook(text, path="x.md").steps] == ["a", "b"]


REFUSED = {
    "no id": ("---\nalerts: [A]\n---\n", 1, "no id"),
    "bad id": ("---\nid: Bad Id\n---\n", 2, "not a slug"),
    "unknown key": ("---\nid: x\nmeasure: {}\n---\n", 3, "`measure` means nothing"),
    "bad yaml": ("---\nid: x\nalerts: [A\n---\n", 3, "not YAML"),
    "star": ("---\nid: x\nmeasures:\n  *: {run: ls}\n---\n", 4, "not YAML"),
    "anchor": ("---\nid: x\ntitle: &a hello\n---\n", 3, "anchor"),
    "tag": ("---\nid: x\ntitle: !!python/name:os.system hello\n---\n", 3, "tag"),
    "twice": ("---\nid: x\nid: y\n---\n", 3, "given twice"),
    "open front matter": ("---\nid: x\n", 1, "never closed"),
    "list": ("---\n- id\n---\n", 2, "must be a mapping"),
    "severity": ("---\nid: x\nseverity: awful\n---\n", 3, "unknown"),
    "measure alert": ("---\nid: x\nalerts: [A]\nmeasures: {B: {run: ls}}\n---\n", 4, "no alert of this runbook"),
    "measure run": ("---\nid: x\nmeasures: {'*': {expect: exit:0}}\n---\n", 3, "no command"),
    "measure executor": ("---\nid: x\nmeasures: {'*': {run: ls, executor: perl}}\n---\n", 3, "no executor"),
    "measure every": ("---\nid: x\nmeasures: {'*': {run: ls, for: 1s, every: 5s}}\n---\n", 3, "less than once"),
    "measure every without for": (
        "---\nid: x\nmeasures:\n  '*':\n    run: ls\n    every: 3s\n---\n", 6, "less than once"
    ),
    "measure for nothing": ("---\nid: x\nmeasures: {'*': {run: ls, for: 0s}}\n---\n", 3, "above 0"),
    "measure for a moment": ("---\nid: x\nmeasures: {'*': {run: ls, for: 99ms}}\n---\n", 3, "at least 100ms"),
    "measure elsewhere": ("---\nid: x\nmeasures: {'*': {run: ls, connection: 'd b'}}\n---\n", 3, "which is no name"),
    "measure value": ("---\nid: x\nmeasures: {'*': {run: 'ls {{y}}'}}\n---\n", 3, "nobody gives it"),
    "parameter name": ("---\nid: x\nparameters: {a-b: x}\n---\n", 3, "cannot name"),
    "parameter pattern": ("---\nid: x\nparameters: {a: '(x+)+'}\n---\n", 3, "repeats a group"),
    "parameter anchor": ("---\nid: x\nparameters: {a: 'x\\$'}\n---\n", 3, "does not compile"),
    "default pattern": ("---\nid: x\nparameters: {a: {pattern: '^b$', default: c}}\n---\n", 3, "its own pattern"),
    "default dash": ("---\nid: x\nparameters: {a: {pattern: '.*', default: -c}}\n---\n", 3, "begins with `-`"),
    "empty": (" \n", 1, "empty"),
    "control": (doc("\x07"), 8, "cannot be seen"),
    "bidi": (doc("\u202e"), 8, "cannot be seen"),
    "bidi without front matter": ("# x\n\u2066", 2, "cannot be seen"),
    "zero width": (doc("a\u200bb"), 8, "cannot be seen"),
    "no-break space": (doc(fence("ls\u00a0-l")), 11, "no-break space"),
    "large": ("x" * (256 * 1024 + 1), 1, "larger than 256 KB"),
    "surrogate": ("# \udc80", 1, "cannot be seen"),
    "open fence": (doc("## Fix\n```sh\nls\n"), 9, "never closed"),
    "open fence anywhere": ("# X\n```sh\nls\n", 2, "never closed"),
    "duplicate name": (doc(fence("ls") + fence("df", heading="Fix")), 15, "taken by line 10"),
    "bad name": (doc(fence("ls", "sh name=A_b")), 10, "not a slug"),
    "unknown attribute": (doc(fence("ls", "sh nam=a")), 10, "`nam` means nothing"),
    "loose word": (doc(fence("ls", "sh name=a whatever")), 10, "`whatever`"),
    "attribute twice": (doc(fence("ls", "sh timeout=1s timeout=2s")), 10, "given twice"),
    "bad timeout": (doc(fence("ls", "sh timeout=soon")), 10, "not a duration"),
    "long timeout": (doc(fence("ls", "sh timeout=2h")), 10, "at most 3600"),
    "bad retries": (doc(fence("ls", "sh retries=9")), 10, "0 to 5"),
    "bad exit": (doc(fence("ls", "sh expect=exit:256")), 10, "0 to 255"),
    "bad expect": (doc(fence("ls", "sh expect=fine")), 10, "not understood"),
    "expect twice": (doc(fence("ls", "sh expect=/a/ expect=/b/")), 10, "twice"),
    "bad regex": (doc(fence("ls", "sh expect=/(/")), 10, "does not compile"),
    "slow regex": (doc(fence("ls", "sh expect=/(a+)+$/")), 10, "repeats a group"),
    "loose capture": (doc(fence("ls", r"sh capture=pid:pid=(\d+)")), 10, "not anchored"),
    "capture groups": (doc(fence("ls", "sh capture=pid:^(a)(b)$")), 10, "2 groups"),
    "capture is a parameter": (
        doc(fence("ls {{a}}", "sh capture=a:^(.)$"), "parameters: {a: x}\n"), 11, "parameter and a capture"
    ),
    "bad when": (doc(fence("ls", 'sh when="a happy"')), 10, "not understood"),
    "unknown when": (doc(fence("ls", 'sh when="b ok"')), 10, "does not exist"),
    "own when": (doc(fence("ls", 'sh name=a when="a ok"')), 10, "waits for itself"),
    "later when": (doc(fence("ls", 'sh name=a when="b ok"') + "```sh name=b\nls\n```\n"), 10, "runs later"),
    "restore nothing": (doc(fence("ls", "sh undo=restore")), 10, "nothing is saved"),
    "no command": (doc(fence("# only a comment")), 10, "no command"),
    "no language": (doc(fence("x", "perl name=a")), 10, "no language of a step"),
    "undeclared": (doc(fence("ls\ncat {{y}}")), 12, "nobody gives it"),
    "later capture": (doc(fence("cat {{y}}") + "```sh capture=y:^(.)$\nls\n```\n"), 11, "nobody gives it"),
    "dash for underscore": (doc(fence("cat {{my-file}}")), 11, "looks like a value"),
    "quoted": (doc(fence("ls\ncat '{{y}}'"), "parameters: {y: x}\n"), 13, "inside quotes"),
    "glued in undo": (doc(fence("ls {{y}}", 'sh undo="rm x{{y}}"'), "parameters: {y: x}\n"), 11, "glued"),
    "value in sql": (doc(fence("select '{{y}}'", "sql"), "parameters: {y: x}\n"), 12, "inside quotes"),
    "value in a host": (doc(fence("GET https://a.{{y}}/", "http"), "parameters: {y: x}\n"), 12, "the name of the host"),
    "no request": (doc(fence("GET /a\nHost: x", "http")), 11, "The header Host"),
    "no request to undo": (doc(fence("DELETE /a", 'http undo="PUT a"')), 10, "neither a path nor a URL"),
    "step elsewhere": (doc(fence("ls", "sh connection={{y}}"), "parameters: {y: x}\n"), 11, "which is no name"),
    "guard nothing": ("---\nid: x\nguard: {for: 1s}\n---\n", 3, "the guard has no command"),
    "rows of a shell": (doc(fence("ls", "sh rows=1")), 10, "`rows` is for statements"),
    "rows nonsense": (doc(fence("select 1", "sql rows=9-1")), 10, "is not understood"),
    "save in sql": (doc(fence("select 1", "sql save=/x")), 10, "`save` keeps files"),
    "status and exit": (doc(fence("GET /", "http expect=status:200 expect=exit:0")), 10, "two ways to say it"),
    "undo of its own capture": (
        doc(fence("ls", r'sh capture=y:^(.)$ undo="touch {{y}}"', "Fix")), 10, "this very step captures"
    ),
    "save of its own capture": (
        doc(fence("ls", "sh capture=y:^(.)$ save={{y}}", "Fix")), 10, "this very step captures"
    ),
    "saved path": (doc(fence("ls {{y}}", "sh save=/x/{{y}}"), "parameters: {y: x}\n"), 11, "mixes"),
    "comment twice": (doc("## Fix\n<!-- step\nname: a\n-->\n```sh name=b\nls\n```\n"), 10, "given twice"),
    "comment alone": (doc("## Fix\n<!-- step\nname: a\n-->\n\ntext\n"), 9, "belongs to no command"),
    "comment key": (doc("## Fix\n<!-- step\n\ntimeou: 3s\n-->\n```sh\nls\n```\n"), 11, "`timeou` means nothing"),
    "comment outside": (doc("## Impact\n<!-- step\nname: a\n-->\n```sh\nls\n```\n"), 9, "under no step heading"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_refused_with_its_line_and_a_fix(text: str, line: int, words: str) -> None:
    with pytest.raises(RunbookError) as refused:
        parse_runbook(text, path="dir/x.md")
    assert words in refused.value.message
    assert (refused.value.file, refused.value.line) == ("dir/x.md", line)
    assert refused.value.message.startswith(f"dir/x.md:{line}: ")
    assert refused.value.fix


@pytest.mark.parametrize(
    ("given", "window_s", "interval_s"),
    [("", 2.0, 0.5), (", for: 100ms", 0.1, 0.025), (", for: 1m", 60.0, 1.0), (", every: 2s", 2.0, 2.0),
     (", for: 100ms, every: 50ms", 0.1, 0.05)],
)  # fmt: skip
def test_a_measure_looks_more_than_once(given: str, window_s: float, interval_s: float) -> None:
    measure = parse_runbook(f"---\nid: x\nmeasures: {{'*': {{run: ls{given}}}}}\n---\n", path="x.md").measure_for("A")
    assert measure is not None
    assert (measure.window_s, measure.interval_s) == (window_s, interval_s)


def test_undo_may_use_what_an_earlier_step_captured() -> None:
    look = fence("ls", "sh name=look capture=y:^(.)$")
    again = fence("ls {{y}}", 'sh name=mend capture=y:^(.)$ undo="touch {{y}}" save={{y}}', "Fix")
    assert parse_runbook(doc(look + again), path="x.md").step("mend").undo == Undo(text="touch {{y}}")


def test_the_nearest_word_is_offered() -> None:
    with pytest.raises(RunbookError) as refused:
        parse_runbook(doc(fence("ls", "sh timeot=1s")), path="x.md")
    assert refused.value.fix == "Did you mean `timeout`?"


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(RunbookError, match=r"x\.md:2: the file is not UTF-8"):
        decode_runbook(b"ok\n\xff", path="x.md")
    with pytest.raises(RunbookError, match="larger than 256 KB"):
        decode_runbook(b"x" * 300_000, path="x.md")
    assert decode_runbook("é".encode(), path="x.md") == "é"


def test_deep_or_exploding_yaml_ends_at_once() -> None:
    for block in ("a: " + "[" * 5000, "a: &a [x,x]\nb: *a", "{" * 200, "? " * 3000):
        with pytest.raises(RunbookError):
            parse_runbook(f"---\nid: x\n{block}\n---\n", path="x.md")


def test_what_an_author_should_know_is_a_warning() -> None:
    text = (
        "---\nid: x\nparameters: {y: x}\n---\n"
        + fence("ls", "sh retries=1 capture=z:^(.)$")
        + "```perl\nx\n```\n```text\ny\n```\n"
    )
    warned = [(one.line, one.message) for one in parse(text, path="x.md").warnings]
    assert [line for line, _ in warned] == [1, 3, 7, 7, 10]
    assert "measures" in warned[0][1]
    assert "`y` is declared and never used" in warned[1][1]
    assert "`perl`" in warned[4][1]


PUBLIC = """---
title: Node Filesystem Filling Up
weight: 20
section: node
---
# NodeFilesystemSpaceFillingUp

## Meaning

Space is running out. [More](x).

## Diagnosis

```console
$ df -h <mountpoint>
/dev/sda1
```

```console {linenos=true}
# a note only
```

## Mitigation

```sh
kubectl debug node/{{ $labels.node }} -it && echo "{{node}}"
```

```promql
up == 0
```
"""


def test_a_public_runbook_loads_and_never_executes() -> None:
    parsed = parse(PUBLIC, path="content/NodeFilesystemSpaceFillingUp.md")
    assert [(one.line, "never executes" in one.message) for one in parsed.warnings] == [(1, True)]
    runbook = parsed.runbook
    assert (runbook.id, runbook.title) == ("node-filesystem-space-filling-up", "Node Filesystem Filling Up")
    assert not runbook.executable
    assert runbook.aliases == ("NodeFilesystemSpaceFillingUp",)
    assert runbook.steps[0].text == "df -h <mountpoint>"
    assert len(runbook.steps) == 2
    assert runbook.summary == "Space is running out. More."


def test_a_page_without_front_matter_has_its_names_from_file_and_title() -> None:
    runbook = parse_runbook("\ufeff# Fix the Mail Server\r\n\r\n```sh\r\nls\r\n```\r\n", path="")
    assert (runbook.id, runbook.steps, runbook.executable) == ("fix-the-mail-server", (), False)


@given(st.text(alphabet="#`~-\n :<>!a{}[]|*'\"\\sheptx=", max_size=200))
def test_any_text_loads_or_is_refused(text: str) -> None:
    for head in ("", HEAD + "---\n## Fix\n"):
        problem = None
        try:
            parse_runbook(head + text, path="x.md")
        except RunbookError as refused:
            problem = refused
        assert problem is None or problem.fix


def test_a_capture_may_be_a_path_into_json() -> None:
    text = doc(fence("GET /orders/7", "http name=a capture=sku:json:items.0.sku expect=status:200,204"))
    (step,) = parse_runbook(text, path="x.md").steps
    assert dict(step.captures) == {"sku": "json:items.0.sku"}
    assert step.expect.statuses == (200, 204)
    for wrong in ("sku:json:", "sku:json:a..b", '"sku:json:a b"'):
        with pytest.raises(RunbookError, match="has no path"):
            parse_runbook(doc(fence("GET /", f"http name=a capture={wrong}")), path="x.md")
