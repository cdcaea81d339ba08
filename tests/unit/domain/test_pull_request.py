"""What a pull request is made of: files that come through as they are, and places that cannot lead elsewhere."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.domain.pull_request import ChangedFile, PullRequest
from opsagent.domain.request import parse_request
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.errors import InputError

REPOSITORIES = {"github": "acme/infra", "gitlab": "42"}
TEXTS = st.text(st.sampled_from("{}\\\"'`$\n\tax.>- é#|"), max_size=60)


def change(api: str = "github", **more: object) -> PullRequest:
    given: dict[str, object] = {
        "id": "bigger-disk", "title": "A bigger disk", "api": api, "connection": "forge", "branch": "bigger-disk",
        "repository": REPOSITORIES.get(api, "acme/infra"), "files": (ChangedFile(path="a.txt", content="x\n"),),
    }  # fmt: skip
    return PullRequest(**(given | more))  # type: ignore[arg-type] - free keywords of a test


@pytest.mark.parametrize(("api", "step"), [("github", "tree"), ("gitlab", "push")])
@given(content=TEXTS)
def test_a_file_comes_through_as_it_is(api: str, step: str, content: str) -> None:
    text = change(api, files=(ChangedFile(path="a.txt", content=content),), body=content).markdown()
    runbook = parse_runbook(text, path="x.md")
    sent = json.loads(parse_request(runbook.step(step).text.replace("{{base_tree}}", "b")).body)
    (entry,) = sent["tree" if api == "github" else "actions"]
    assert entry["content"] == content
    asked = json.loads(parse_request(runbook.step("open").text).body)
    assert asked["body" if api == "github" else "description"] == content


@given(content=TEXTS)
def test_terraform_is_written_by_the_shell_as_it_is(content: str) -> None:
    wanted = change(files=(ChangedFile(path="prod/a.tf", content=content),), check_on="sandbox")
    if PLACEHOLDER.search(content):
        with pytest.raises(InputError):
            wanted.markdown()
        return
    written = parse_runbook(wanted.markdown(), path="x.md").step("terraform").text
    words = shlex.split(written)
    assert words[words.index("printf") + 2] == content.rstrip("\n")


@pytest.mark.parametrize(
    "wrong",
    [
        {"api": "svn"},
        {"repository": "acme"},
        {"repository": "acme/../infra"},
        {"repository": "acme/infra/x?y"},
        {"api": "gitlab", "repository": "acme/infra"},
        {"branch": "a/b"},
        {"branch": "a..b"},
        {"branch": "a.lock"},
        {"branch": "main"},
        {"base": "x y"},
        {"files": ()},
        {"files": (ChangedFile(path="a", content="x"),) * 2},
        {"files": (ChangedFile(path="../a", content="x"),)},
        {"files": (ChangedFile(path="/etc/a", content="x"),)},
        {"files": (ChangedFile(path=".git/config", content="x"),)},
        {"files": (ChangedFile(path="a;b", content="x"),)},
        {"files": (ChangedFile(path="a", content="x\u202ey"),)},
        {"files": (ChangedFile(path="a", content="x\0"),)},
        {"title": "x\x1b[2J"},
    ],
)
def test_what_no_api_should_get_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        change(**wrong).markdown()  # type: ignore[arg-type] - free keywords of a test
