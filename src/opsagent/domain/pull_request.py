"""A pull request as a runbook: files, a branch and a question to its reviewers, by the REST API of GitHub or GitLab.

Each request is a step of its own, judged and asked like any other. The branch's name is what makes it happen once: it
must not be there before, and it tells afterwards what became of an interrupted step. Nothing is taken back by itself:
a branch that was there before is somebody else's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Literal

from opsagent.domain.runbook import PLACEHOLDER, Check, Expect, Phase, Runbook, RunbookStep, When
from opsagent.domain.runbook_text import write
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock$|$)){0,99}")  # no slash: it stands in paths of the API
_REPOSITORY = {"github": re.compile(r"[A-Za-z0-9][\w-]*/(?!\.)[\w.-]+", re.ASCII), "gitlab": re.compile(r"[1-9][0-9]*")}
_PATH = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*")
_TEXT = "\n\t"  # the control characters a file may have
_SETTLES_S, _EVERY_S = 1.0, 0.5
_JSON = "Content-Type: application/json\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A text file as it shall be. `replaces` says that it is there already, which GitLab wants to be told."""

    path: str
    content: str
    replaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What is proposed, and where: `connection` is the registered API, `repository` `owner/name` or GitLab's number.

    Terraform among the files is looked at first on `check_on`, a sandbox connection; empty leaves that out.
    """

    id: str
    title: str
    api: Literal["github", "gitlab"]
    connection: str
    repository: str
    branch: str
    files: tuple[ChangedFile, ...]
    base: str = "main"
    body: str = ""
    check_on: str = ""

    def steps(self) -> tuple[RunbookStep, ...]:
        """Its steps, looks first. InputError, in words, for what no API would take."""
        self._check()
        steps = self._github() if self.api == "github" else self._gitlab()
        return tuple(sorted(steps, key=lambda step: step.phase is not Phase.DIAGNOSIS))

    def markdown(self) -> str:
        """The runbook it is, as text. InputError, in words, for what no API would take."""
        steps = self.steps()
        measures = {"*": self._opened()}
        return write(Runbook(id=self.id, title=self.title, source="", version="", steps=steps, measures=measures))

    def _check(self) -> None:
        _must(self.api in _REPOSITORY, f"`{self.api}` is no API known here", "Use github or gitlab.")
        wanted = "owner/name" if self.api == "github" else "the project's number"
        known = _REPOSITORY[self.api].fullmatch(self.repository) is not None
        _must(known, f"`{self.repository}` is no repository of {self.api}", f"Give {wanted}.")
        for name in (self.base, self.branch):
            _must(
                _NAME.fullmatch(name) is not None,
                f"`{name}` cannot be the name of a branch here",
                "Use letters, digits, dots, dashes and underscores, and no slash.",
            )
        _must(self.base != self.branch, "The branch is the one it should go into", "Give the change a branch.")
        for text in (self.title, self.body):
            _must_be_seen(text)
        _check_files(self.files)

    def _github(self) -> Iterator[RunbookStep]:
        """GitHub's Git database and pulls (docs.github.com/en/rest/git, docs.github.com/en/rest/pulls)."""
        place, free = f"/repos/{self.repository}", When(step="branch-free", state="ok")
        entries = ", ".join(
            f'{{"path": {_text(one.path)}, "mode": "100644", "type": "blob", "content": {_text(one.content)}}}'
            for one in self.files
        )
        yield self._look("base", f"{place}/git/ref/heads/{self.base}", captures={"base": "json:object.sha"})
        yield self._look(
            "base-tree",
            f"{place}/git/commits/{{{{base}}}}",
            captures={"base_tree": "json:tree.sha"},
            when=(When(step="base", state="ok"),),
        )
        yield self._look(free.step, f"{place}/git/ref/heads/{self.branch}", expect=Expect(statuses=(404,)))
        yield from self._terraform(free)
        ready = (free, When(step="base-tree", state="ok"))
        yield self._send(
            "tree",
            f"{place}/git/trees",
            f'{{"base_tree": "{{{{base_tree}}}}", "tree": [{entries}]}}',
            why=f"Hands over {_counted(self.files)}. Nobody sees them until a branch names them.",
            captures={"tree": "json:sha"},
            when=ready,
        )
        yield self._send(
            "commit",
            f"{place}/git/commits",
            f'{{"message": {_text(self.title)}, "tree": "{{{{tree}}}}", "parents": ["{{{{base}}}}"]}}',
            why="Makes the commit.",
            captures={"commit": "json:sha"},
            when=ready,
        )
        yield self._send(
            "push",
            f"{place}/git/refs",
            f'{{"ref": "refs/heads/{self.branch}", "sha": "{{{{commit}}}}"}}',
            why=f"Makes the branch `{self.branch}` of it.",
            probe=f"GET {place}/git/ref/heads/{self.branch}",
            when=ready,
        )
        yield self._send(
            "open",
            f"{place}/pulls",
            f'{{"title": {_text(self.title)}, "head": "{self.branch}", "base": "{self.base}", '
            f'"body": {_text(self.body)}}}',
            why="Asks for its review.",
            probe=self._opened().text,
            probe_expect=self._opened().expect,
            when=ready,
        )

    def _gitlab(self) -> Iterator[RunbookStep]:
        """GitLab's commits and merge requests (docs.gitlab.com/api/commits, docs.gitlab.com/api/merge_requests)."""
        place, free = f"/projects/{self.repository}", When(step="branch-free", state="ok")
        branch = f"{place}/repository/branches/{self.branch}"
        actions = ", ".join(
            f'{{"action": "{"update" if one.replaces else "create"}", "file_path": {_text(one.path)}, '
            f'"content": {_text(one.content)}}}'
            for one in self.files
        )
        yield self._look("base", f"{place}/repository/branches/{self.base}")
        yield self._look(free.step, branch, expect=Expect(statuses=(404,)))
        yield from self._terraform(free)
        ready = (free, When(step="base", state="ok"))
        yield self._send(
            "push",
            f"{place}/repository/commits",
            f'{{"branch": "{self.branch}", "start_branch": "{self.base}", "commit_message": {_text(self.title)}, '
            f'"actions": [{actions}]}}',
            why=f"Makes the branch `{self.branch}` with {_counted(self.files)}.",
            probe=f"GET {branch}",
            when=ready,
        )
        yield self._send(
            "open",
            f"{place}/merge_requests",
            f'{{"title": {_text(self.title)}, "source_branch": "{self.branch}", "target_branch": "{self.base}", '
            f'"description": {_text(self.body)}}}',
            why="Asks for its review.",
            probe=self._opened().text,
            probe_expect=self._opened().expect,
            when=ready,
        )

    def _opened(self) -> Check:
        """Whether it is open: asked before anything is done, after it, and of an interrupted step."""
        if self.api == "github":
            head = f"{self.repository.partition('/')[0]}:{self.branch}"
            path, state = f"/repos/{self.repository}/pulls?head={head}&state=open", "open"
        else:
            path = f"/projects/{self.repository}/merge_requests?source_branch={self.branch}&state=opened"
            state = "opened"
        return Check(
            text=f"GET {path}",
            executor="http",
            connection=self.connection,
            expect=Expect(json_path="0.state", equals=state),
            window_s=_SETTLES_S,
            interval_s=_EVERY_S,
        )

    def _terraform(self, free: When) -> Iterator[RunbookStep]:
        if self.check_on and any(file.path.endswith(".tf") for file in self.files):
            yield replace(terraform_step(self.files, self.check_on), when=(free,))

    def _look(self, name: str, path: str, **more: Any) -> RunbookStep:
        return self._step(name, Phase.DIAGNOSIS, f"GET {path}", **more)

    def _send(self, name: str, path: str, body: str, **more: Any) -> RunbookStep:
        return self._step(name, Phase.MITIGATION, f"POST {path}\n{_JSON}{body}", **more)

    def _step(self, name: str, phase: Phase, text: str, **more: Any) -> RunbookStep:
        return RunbookStep(
            name=name, phase=phase, text=text, line=0, executor="http", connection=self.connection, **more
        )


def terraform_step(files: Sequence[ChangedFile], check_on: str) -> RunbookStep:
    """Writes the Terraform among the files into the sandbox `check_on`: format and validity, without a network.

    A missing provider is said, not fetched. InputError for what cannot be written there.
    """
    files = [file for file in files if file.path.endswith(".tf")]
    _check_files(files)
    for file in files:
        held = PLACEHOLDER.search(file.content)
        _must(not held, f"`{file.path}` has {held and held.group()}, a placeholder", "Write a space between {{.")
    folders = sorted({str(PurePosixPath(file.path).parent) for file in files})
    return RunbookStep(
        name="terraform",
        phase=Phase.MITIGATION,
        line=0,
        connection=check_on,
        why="Looks at the Terraform in the sandbox. Nothing is planned and nothing applied.",
        text="\n".join(["set -e", *map(_written, files), *map(_checked, folders)]),
        timeout_s=60.0,
    )


def _check_files(files: Sequence[ChangedFile]) -> None:
    _must(bool(files), "No file is changed", "Name at least one.")
    paths = [file.path for file in files]
    _must(len(set(paths)) == len(paths), "A file is named twice", "Name each once.")
    for path in paths:
        good = _PATH.fullmatch(path) and not {"..", ".", ".git"} & set(PurePosixPath(path).parts)
        _must(bool(good), f"`{path}` cannot be changed", "Give a path inside the repository, in plain characters.")
    for file in files:
        _must_be_seen(file.content)


def _must_be_seen(text: str) -> None:
    hidden = hidden_character(text, allow=_TEXT)
    _must(not hidden, f"A text has a character that cannot be seen ({hidden and hidden[1]})", "Take it out.")


def _written(file: ChangedFile) -> str:
    """Shell that writes a file, quoted so that nothing in it is the shell's."""
    quoted = "'" + file.content.rstrip("\n").replace("'", "'\\''") + "'"
    folder = PurePosixPath(file.path).parent
    return f"mkdir -p {folder}\nprintf '%s\\n' {quoted} > {file.path}"


def _checked(folder: str) -> str:
    return (
        "if ! command -v terraform > /dev/null\n"
        f"then echo '{folder}: not checked, there is no terraform here'; exit 0; fi\n"
        "export CHECKPOINT_DISABLE=1 TF_CLI_CONFIG_FILE=/dev/null\n"
        f"terraform -chdir={folder} fmt -check -diff -no-color\n"
        f"if terraform -chdir={folder} init -backend=false -input=false -no-color > init.txt 2>&1\n"
        f"then terraform -chdir={folder} validate -no-color\n"
        "else cat init.txt\n"
        f"echo '{folder}: its format was checked; it was not validated, since init needs more than is here'; fi"
    )


def _text(text: str) -> str:
    """A JSON string in which nothing is a placeholder."""
    return re.sub(r"\{(?=\{)", r"\\u007b", json.dumps(text, ensure_ascii=False))


def _counted(files: Sequence[ChangedFile]) -> str:
    """Which files, and how long each will be."""
    told = [f"{one.path} ({one.content.count(chr(10)) + 1} lines)" for one in files]
    return told[0] if len(told) == 1 else f"{len(told)} files: {', '.join(told)}"


def _must(holds: bool, otherwise: str, fix: str) -> None:
    if not holds:
        raise InputError(f"{otherwise}.", fix=fix)
