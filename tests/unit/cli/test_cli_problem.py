from __future__ import annotations

import pytest

from opsagent import errors
from opsagent.cli.exits import Exit, exit_code
from opsagent.cli.problem import error_of
from opsagent.errors import OpsAgentError, RunbookError
from opsagent.web.problems import problem


def _kinds(kind: type[OpsAgentError]) -> list[type[OpsAgentError]]:
    ours = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return [*ours, *(deeper for one in ours for deeper in _kinds(one))]


@pytest.mark.parametrize("kind", [one for one in _kinds(OpsAgentError) if one is not RunbookError])
def test_an_error_survives_the_wire(kind: type[OpsAgentError]) -> None:
    response = problem(kind("It broke.", fix="Mend it.", extra={"retryAfter": 3}))
    back = error_of(response.status_code, bytes(response.body))
    assert (back.message, back.fix, back.code, back.extra) == ("It broke.", "Mend it.", kind.code, {"retryAfter": 3})
    assert exit_code(back) == exit_code(kind("It broke."))


def test_a_refused_runbook_keeps_file_and_line() -> None:
    response = problem(RunbookError("no id", file="a.md", line=3, fix="Give it one."))
    back = error_of(response.status_code, bytes(response.body))
    assert isinstance(back, RunbookError)
    assert (back.message, back.file, back.line) == ("a.md:3: no id", "a.md", 3)


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, Exit.NOT_FOUND), (403, Exit.REFUSED), (409, Exit.REFUSED), (400, Exit.USAGE), (502, Exit.FAILED)],
)
def test_what_is_no_problem_document_is_told_by_its_status(status: int, code: Exit) -> None:
    assert exit_code(error_of(status, b"<html>")) == code
