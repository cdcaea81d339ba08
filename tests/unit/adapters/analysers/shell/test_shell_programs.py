"""awk, sed and jq: what only prints is proven, everything else is a reason to ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.analysers.shell.programs import awk_problem, jq_problem, sed_problem


@pytest.mark.parametrize(
    "program",
    [
        "{print $1}",
        'NR==2{printf "%.1f%%\\n", $3*100/$2}',
        "$9 >= 500",
        "$5+0 > 80 {print $6, $5}",
        "/ERROR|FATAL/ {count++} END {print count}",
        "$7 ~ /^\\/api/ && $9 >= 500 {c[$7]++} END {for (u in c) print c[u], u}",
        'BEGIN{FS=","} NR>1 {print $3}',
        "{ if ($1 > 3) print (a > b) }",
        '{print "a > b | c"}',
        "{print $1 / $2}",
        "/[^a-z ]+|[[:space:]]/ {n++}",
        "/^[0-9]+\\.[0-9]+\\/[a-z]/ {n++}",
        "/a/ {x++}\n/b/ {y++}\nEND {print (x + y) / 2, x / y}",
        'NR>1 {if ($3/$2 > 0.9) print $1; else if ($1 ~ /^x/) print "x"}',
    ],
)
def test_awk_that_only_prints(program):
    assert awk_problem(program) == ("", "")


@pytest.mark.parametrize(
    "program",
    [
        'BEGIN{system("x")}',
        'BEGIN{ system ("x")}',
        '{print > "F"}',
        '{print>"F"}',
        '{print $1, $2 >> "F"}',
        '{printf "%s", $1 > "/dev/stderr"}',
        '{print(1)(2) > "F"}',
        '{print $1\n> "F"}',
        '{print | "sh"}',
        '{print |& "sh"}',
        '"x" | getline y',
        'getline < "f"',
        '@load "x"',
        '{f="system"; @f("x")}',
        "BEGIN{ARGV[1]=1}",
        "BEGIN { SYMTAB[1] }",
        '/a/{system("x")}/b/',
        '{a = b / c; system("x") / d}',
        '{print "a\nb"}',
        "`",
        # A slash that some awk reads as the start of a pattern, and what hides behind it.
        'BEGIN{ if (1) {} else /"/; system("x") } # "/',
        'BEGIN{ do /"/; while (0); system("x") } # "/',
        'BEGIN{ if (1) /"/; system("x") } # "/',
        'NR==1\n/"/||1 {system("x")} # "/',
        'BEGIN{ x = $/"/; system("x") } # "/',
        'BEGIN{ length /"/; system("x") } # "/',
        'BEGIN{ for (;0;) /"/; system("x") } # "/',
        # Where a pattern ends differs between awks.
        "/[/]/ {n++}",
        '/[\\]/; x="]/; system("x") # "',
        '/[[:alpha:]/"]/; system("x") # "',
    ],
)
def test_awk_that_does_more(program):
    assert awk_problem(program)[0]


def test_awk_that_shows_the_environment():
    assert awk_problem('{print ENVIRON["X"]}') == ("", "shows the environment (awk ENVIRON)")


@pytest.mark.parametrize(
    "script",
    [
        "s/a/b/",
        "s/a/b/g;s|c|d|2p",
        "100,140p",
        "/03:00/,/03:10/p",
        "$=",
        "$!d",
        "/^#/d; /^$/d",
        "1~2p",
        "/a/,+3p",
        "s/#.*//; /^$/d",
        ":a;N;$!ba;s/\\n/ /g",
        "/x/{p;q}",
        "y/abc/def/",
        "s/[ab]/x/",
        "\\,a,p",
        "10q",
        "s/a/b/ # done",
    ],
)
def test_sed_that_only_prints(script):
    assert sed_problem(script) == ""


@pytest.mark.parametrize(
    "script",
    [
        "w F",
        "/x/w F",
        "s/a/b/w F",
        "s/a/b/e",
        "1e id",
        "e",
        "r /etc/shadow",
        "R /etc/shadow",
        "W F",
        "/x/{w F",
        "s/a/b/gw F",
        "a text",
        "i\\\ntext",
        "s/a",
        "s/[/]/p;s,/w x,,",
        "p w x",
        "s\na\nb\n",
    ],
)
def test_sed_that_does_more(script):
    assert sed_problem(script)


def test_jq():
    assert jq_problem(".items | length") == ("", "")
    assert jq_problem('.a | "env"') == ("", "shows the environment (jq env)")
    assert jq_problem("env.HOME")[1]
    assert jq_problem("$ENV.HOME")[1]
    assert jq_problem('import "x" as y; .')[0]
    assert jq_problem('"\\(include)"')[0]


@given(st.text(max_size=80))
def test_no_program_breaks_a_reader(program):
    awk_problem(program)
    sed_problem(program)
    jq_problem(program)


@given(st.sampled_from(["system", "getline", "@x", "|", "ARGV"]), st.text(alphabet="ab1 ;{}()/$,=+", max_size=20))
def test_awk_never_passes_a_bare_call(call, before):
    problem, _ = awk_problem(f"{before}\n;{{ {call} }}")
    assert problem or before.count("/") % 2 == 1  # inside a pattern it is text
