"""Where a value may stand in a PowerShell command, and that it stays one literal whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser
from tree_sitter_powershell import language

from opsagent.domain.connection import Connection
from opsagent.domain.languages import holes_in, render
from opsagent.domain.powershell_text import powershell_holes, render_powershell
from opsagent.domain.render import Values
from opsagent.errors import InputError

PARSER = Parser(Language(language()))
FINE = [
    "Restart-Service {{x}}",
    "Restart-Service -Name {{ x }} -Force",
    "Get-Service -Name {{x}} | Where-Object { $_.Status -eq 'Running' } | Select-Object Name",
    "Get-Content 'C:\\logs\\{{x}}.log' -Tail 5",
    "Get-Date; Restart-Service {{x}}\nGet-Service {{x}}",
    "Stop-Process -Id {{x}};",
    "sc.exe query {{x}}",
    'Get-EventLog -LogName System -Source {{x}} -Message "a b"',
]
BAD = [
    "{{x}}",
    "& {{x}}",
    ". {{x}}",
    "Get-Service; {{x}}",
    "Get-Service | {{x}}",
    "Get-Service\n{{x}} -Name a",
    "iex {{x}}",
    "Invoke-Expression {{x}}",
    "Invoke-Command -ScriptBlock {{x}}",
    "powershell.exe -Command {{x}}",
    "cmd.exe /c {{x}}",
    "deploy.bat {{x}}",
    "npm run {{x}}",
    "restart {{x}}",
    ".\\a.ps1 {{x}}",
    "Get-Service -Name:{{x}}",
    "Get-Service a{{x}}",
    "Get-Service {{x}}b",
    "Get-Service {{x}},b",
    "Get-Service a,{{x}}",
    'Get-Service "{{x}}"',
    'Get-Service "a $({{x}})"',
    "Get-Service $({{x}})",
    "Get-Service ({{x}})",
    "Get-Process | Where-Object { $_.Name -eq {{x}} }",
    "Get-Process | ForEach-Object {{x}}",
    "Get-Process | % { '{{x}}' }",
    "Get-Service `{{x}}",
    "Get-Service 'a'{{x}}",
    "Get-Service {{x}}'a'",
    "Get-Service 'a{{x}}'b",
    "$x = {{x}}",
    "# {{x}}\nGet-Service",
    "Get-Service # {{x}}",
    "Get-Service <# {{x}} #>",
    "@'\n{{x}}\n'@",
    "Get-Service 'never closed {{x}}",
    "Get-Service \u2018{{x}}\u2019",
    "Get-Process \u2013Name {{x}}",
    "Get-CimInstance Win32_Service -Filter {{x}}",
    "Get-WmiObject -Query {{x}}",
    "Set-Content function:x {{x}}",
    "New-Item alias:x -Value {{x}}",
    "Get-Service {{x}} }",
    "Get-Service { {{x}}",
    "Get-Service [{{x}}]",
    "Get-Service & {{x}}",
    "Get-Service > {{x}}",
    "Get-Service {{x}} &",
    "Register-ScheduledTask -TaskName {{x}}",
    "Start-Process {{x}}",
]
REFUSED = [
    "-Force",
    'a"b',
    "\u2019; rm x; \u2018",
    "\u201d",
    "\u2013Name",
    "a\nb",
    "a\0b",
    "a\u202eb",
    "",
    "*",
    "a?",
    "[a]",
    "a`b",
    "/force",
    "C:\\a b\\",
]


@pytest.mark.parametrize("text", FINE)
def test_a_value_may_stand_where_an_argument_stands(text: str) -> None:
    assert [hole.problem for hole in holes_in("powershell", text)] == [""] * text.count("{{")


@pytest.mark.parametrize("text", BAD)
def test_and_nowhere_else(text: str) -> None:
    assert [hole for hole in powershell_holes(text) if hole.problem]
    with pytest.raises(InputError, match="cannot be filled"):
        render_powershell(text, Values(captures={"x": "1"}))


@pytest.mark.parametrize("value", REFUSED)
def test_a_value_that_quotes_do_not_hold_is_refused(value: str) -> None:
    with pytest.raises(InputError):
        render_powershell("Restart-Service {{x}}", Values(captures={"x": value}))


def test_it_is_quoted_and_marked() -> None:
    rendered = render(
        "powershell", "Restart-Service {{x}} -Force; Get-Content 'C:\\{{x}}.log'", Values(captures={"x": "it's"})
    )
    assert rendered.text == "Restart-Service 'it''s' -Force; Get-Content 'C:\\it''s.log'"
    assert [rendered.text[one.start : one.end] for one in rendered.outside] == ["'it''s'", "it''s"]
    assert {one.origin for one in rendered.outside} == {"capture x"}


def test_what_people_registered_may_be_a_pattern() -> None:
    target = Connection(id="1", tenant="t", name="w", values={"logs": "C:\\logs\\*.log"})
    rendered = render_powershell("Get-ChildItem {{connection.logs}}", Values(connection=target))
    assert (rendered.text, rendered.outside) == ("Get-ChildItem 'C:\\logs\\*.log'", ())


def shape(node: Node) -> list[str]:
    """The kinds of all nodes, in order, without what is inside a literal."""
    if node.type == "string_literal":
        return ["string_literal"]
    return [node.type, *(kind for child in node.children for kind in shape(child))]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FINE),
    st.text(alphabet="ab '\"`$(){}[];|&#@-,.\\/\n\u2018\u2019\u2013é%*?=", min_size=1, max_size=20),
)
def test_a_value_never_changes_the_structure(text: str, value: str) -> None:
    try:
        rendered = render_powershell(text, Values(captures={"x": value}))
    except InputError:
        return
    harmless = render_powershell(text, Values(captures={"x": "harmless"}))
    assert shape(PARSER.parse(rendered.text.encode()).root_node) == shape(
        PARSER.parse(harmless.text.encode()).root_node
    )


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="a {}x'\"`$(|;\n,-&.", max_size=30))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    for hole in powershell_holes(text + " {{x}}"):
        assert isinstance(hole.problem, str)
