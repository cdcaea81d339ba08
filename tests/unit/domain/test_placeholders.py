"""Where a value may stand in a command: by examples, and against a real shell parser for random scripts."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsagent.domain.placeholders import holes, names

SHFMT = Path(sysconfig.get_path("scripts")) / "shfmt"
WORD = "qXvaluewordXq"

FINE = [
    "cat {{a}}",
    "df -P {{ a }} | tail -n 1",
    "sudo -n systemctl restart {{a}}",
    "timeout 5 cat {{a}}",
    "ls \\\n  {{a}}",
    "cat {{a}};ls",
    "x=$(ls) && cat {{a}}",
    "if test -f {{a}}; then cat {{a}}; fi",
    "( cd /tmp && stat {{a}} )",
    "docker ps --format '{{.Names}}' --filter {{a}}",
    "awk '{print $1}' {{a}}",
    "find {{a}} -xdev -exec ls {} +",
    "grep -c {{a}} file 2>/dev/null",
    "echo 'it''s' \"a $b c\" {{a}}",
]
REFUSED = {
    "{{a}} x": "name of the command",
    "2>/dev/null {{a}}": "name of the command",
    "A=1 {{a}}": "name of the command",
    "ls; {{a}}": "name of the command",
    "sudo {{a}}": "command that `sudo` runs",
    "sudo -u postgres {{a}}": "command that `sudo` runs",
    "timeout 5 {{a}}": "command that `timeout` runs",
    "cat '{{a}}'": "inside quotes",
    'cat "{{a}}"': "inside quotes",
    'cat "x {{a}} y"': "inside quotes",
    "cat $'{{a}}'": "not plain",
    "cat x{{a}}": "glued",
    "cat {{a}}x": "glued",
    "cat {{a}}{{b}}": "glued",
    "foo\\\n{{a}}": "glued",
    "cat --file={{a}}": "glued",
    "X={{a}} cat": "glued",
    "cat > {{a}}": "redirect",
    "cat 2>{{a}}": "redirect",
    "cat < {{a}}": "redirect",
    "cat $(ls {{a}})": "inside quotes",
    'cat "$(ls {{a}})"': "inside quotes",
    "cat `ls {{a}}`": "backticks",
    "cat <<E\n{{a}}\nE": "here-document",
    "cat <<< {{a}}": "here-string",
    "diff <(ls) {{a}}": "process substitution",
    "# {{a}}\nls": "comment",
    "for f in {{a}}; do ls $f; done": "`for`",
    "case {{a}} in x) ls;; esac": "`case`",
    "[[ {{a}} -eq 1 ]]": "`[[`",
    "(( {{a}} ))": "arithmetic",
    "echo $(( {{a}} ))": "arithmetic",
    "echo ${x:-{{a}}}": "${...}",
    "f() { ls {{a}}; }": "function",
    "x=( {{a}} )": "array",
    "bash -c {{a}}": "as code",
    "eval {{a}}": "as code",
    "ssh host {{a}}": "as code",
    "set -- {{a}}": "as code",
    "export {{a}}": "as code",
    "test -v {{a}}": "as code",
    "psql -Atc {{a}}": "as code",
    "python3 -c {{a}}": "as code",
    "python3 {{a}}": "program",
    "sed {{a}} file": "program",
    "find . -exec rm {{a}} +": "part of a command",
    "sudo -n bash {{a}}": "as code",
    "cat 'x {{a}}": "not closed",
    "ls ) {{a}}": "`)`",
    "> #x\n cat {{a}}": "no target",
    "(ls) {{a}}": "follows a `)`",
    "time\\\n {{a}}": "`time`",
    "!\\\n {{a}}": "name of the command",
    "\\sudo {{a}}": "command that `sudo` runs",
    "'ev'al {{a}}": "as code",
    "$x {{a}}": "not fixed",
    "{sudo,} {{a}}": "not fixed",
}


@pytest.mark.parametrize("text", FINE)
def test_a_whole_word_is_fine(text: str) -> None:
    assert [hole.problem for hole in holes(text)] == [""] * text.count("a}}") + [""] * text.count("a }}")


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_anything_else_is_refused_with_its_reason(text: str, words: str) -> None:
    assert words in next(hole.problem for hole in holes(text))


def test_a_text_without_holes_is_not_judged() -> None:
    assert holes("for x in `ls`; do cat <<E\nx\nE\ndone") == ()
    assert list(names("a {{b}} '{{ c.d }}'")) == ["b", "c.d"]


PIECES = st.sampled_from(
    "{{a}}|{{a}}|{{a}}|cat|ls|x|'|\"|$(|)|(|`|;|&&|\\|\\||>|<|2>|<<E|<<<|\n|\nE\n|\\\n|\\|#|$|${x}|$x|{|}|if|then|fi|while|do|"
    "done|!|[[|]]|((|))|=|a=|case|in|esac|for|f()|-c|.|*|?|~|&|&>|>&|sudo|$'|\\'|coproc|function|time|$((|1|--".replace(
        "\\|\\||", "OR|"
    ).split("|")
).map(lambda piece: "||" if piece == "OR" else piece)


@st.composite
def scripts(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(PIECES, st.sampled_from(["", " ", " "])), min_size=1, max_size=14))
    return "".join(piece + space for piece, space in parts)


def parsed(text: str) -> Any:
    """The syntax tree of a script, or None where the parser refuses it."""
    done = subprocess.run([SHFMT, "-ln=bash", "--to-json"], input=text, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def argument_positions(tree: Any) -> list[int]:
    """Where the value's word stands as an argument of its own, outside quotes, redirects and substitutions."""
    found: list[int] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item)
        elif isinstance(node, dict):
            if node.get("Type") == "CallExpr":
                found.extend(
                    word["Pos"]["Offset"]
                    for word in node.get("Args", [])[1:]
                    if len(word["Parts"]) == 1 and word["Parts"][0].get("Value") == WORD
                )
            if node.get("Type") not in {"CmdSubst", "ProcSubst", "DblQuoted", "ParamExp"}:
                for value in node.values():
                    walk(value)

    walk(tree)
    return found


@settings(max_examples=250, deadline=None)
@given(scripts())
def test_what_is_accepted_is_one_argument_to_a_real_parser(text: str) -> None:
    judged = holes(text)
    if not judged or any(hole.problem for hole in judged):
        return
    filled, positions, done = "", [], 0
    for hole in judged:
        filled += text[done : hole.start]
        positions.append(len(filled.encode()))
        filled += WORD
        done = hole.end
    tree = parsed(filled + text[done:])
    if tree is not None:
        assert set(positions) <= set(argument_positions(tree)), filled + text[done:]
