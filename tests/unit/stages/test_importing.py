"""What an import does with each file, on a shelf in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.library import Fate, Offer, Remark, SourceFile
from opsagent.domain.runbook import Runbook
from opsagent.errors import RunbookError, VersionMismatch
from opsagent.stages.import_runbooks import ImportRunbooks, Shelved


def read(text: str, path: str) -> tuple[Runbook, Sequence[Remark]]:
    """The first word is the id; `!` refuses."""
    if text.startswith("!"):
        raise RunbookError("it is no good", file=path, line=7, fix="Mend it.")
    version = hashlib.sha256(text.encode()).hexdigest()
    return Runbook(id=text.split(maxsplit=1)[0], title="", source=text, version=version), [Remark(2, "by the way", "")]


@dataclass
class Shelf:
    kept: dict[str, Shelved] = field(default_factory=dict)
    busy: str = ""

    async def present(self) -> Sequence[Shelved]:
        return list(self.kept.values())

    async def put(self, file: SourceFile, *, origin: str, expected: str) -> None:
        runbook, _ = read(file.text, file.path)
        if self.busy == runbook.id:
            raise VersionMismatch("somebody else was here")
        before = self.kept.get(runbook.id)
        assert expected == (before.version if before else "")
        version = runbook.version
        self.kept[runbook.id] = Shelved(
            id=runbook.id, version=version, origin=origin, origin_version=version, path=file.path, enabled=True
        )

    async def disable(self, runbook_id: str) -> None:
        self.kept[runbook_id] = replace(self.kept[runbook_id], enabled=False)

    def edit(self, runbook_id: str) -> None:
        self.kept[runbook_id] = replace(self.kept[runbook_id], version="edited")


def offer(origin: str = "git", **files: str) -> Offer:
    return Offer(origin=origin, files=tuple(SourceFile(path=f"{name}.md", text=text) for name, text in files.items()))


async def fates(shelf: Shelf, offered: Offer, **how: bool) -> dict[str, str]:
    report = await ImportRunbooks(shelf=shelf, read=read, **how)(offered)
    return {line.path: line.fate.value for line in report}


async def test_a_repeat_changes_only_what_has_changed() -> None:
    shelf = Shelf()
    assert await fates(shelf, offer(a="a one", b="b one")) == {"a.md": "added", "b.md": "added"}
    before = dict(shelf.kept)
    assert await fates(shelf, offer(a="a one", b="b two")) == {"a.md": "unchanged", "b.md": "updated"}
    assert shelf.kept["a"] == before["a"]
    assert shelf.kept["b"] != before["b"]


async def test_what_is_refused_says_where_and_holds_up_no_other() -> None:
    broken = SourceFile(path="c.md", problem="it is not UTF-8", fix="Save it as UTF-8.", line=3)
    offered = offer(a="!", b="b one", d="b two")
    offered = replace(offered, files=(*offered.files, broken))
    report = await ImportRunbooks(shelf=Shelf(), read=read)(offered)
    told = {line.path: (line.fate, line.line, line.message) for line in report}
    assert told["a.md"] == (Fate.REFUSED, 7, "it is no good")
    assert told["b.md"][0] is Fate.ADDED
    assert told["c.md"] == (Fate.REFUSED, 3, "it is not UTF-8")
    assert told["d.md"] == (Fate.REFUSED, 1, "its id b is that of b.md, too")
    assert next(line for line in report if line.path == "b.md").remarks == (Remark(2, "by the way", ""),)


async def test_what_came_from_elsewhere_is_left_alone_until_somebody_says_otherwise() -> None:
    shelf = Shelf()
    await fates(shelf, offer("folder", a="a theirs"))
    assert await fates(shelf, offer("git", a="a ours")) == {"a.md": "refused"}
    assert shelf.kept["a"].origin == "folder"
    assert await fates(shelf, offer("git", a="a ours"), overwrite=True) == {"a.md": "updated"}
    assert shelf.kept["a"].origin == "git"


async def test_what_people_changed_here_is_kept_and_a_conflict_is_told() -> None:
    shelf = Shelf()
    await fates(shelf, offer(a="a one"))
    shelf.edit("a")
    (line,) = await ImportRunbooks(shelf=shelf, read=read)(offer(a="a one"))
    assert (line.fate, "kept" in line.message) == (Fate.UNCHANGED, True)
    assert await fates(shelf, offer(a="a two")) == {"a.md": "refused"}
    assert shelf.kept["a"].version == "edited"
    assert await fates(shelf, offer(a="a two"), overwrite=True) == {"a.md": "updated"}


async def test_what_is_gone_is_told_and_disabled_only_when_asked() -> None:
    shelf = Shelf()
    await fates(shelf, offer(a="a one", b="b one"))
    await fates(shelf, offer("elsewhere", c="c one"))
    assert await fates(shelf, offer(b="b one")) == {"a.md": "gone", "b.md": "unchanged"}
    assert shelf.kept["a"].enabled
    assert await fates(shelf, offer(b="b one"), disable_gone=True) == {"a.md": "disabled", "b.md": "unchanged"}
    assert [one.id for one in shelf.kept.values() if not one.enabled] == ["a"]
    assert await fates(shelf, offer(a="!", b="b one")) == {"a.md": "refused", "b.md": "unchanged"}, "it is still there"


async def test_a_dry_run_stores_nothing_and_says_the_same() -> None:
    shelf = Shelf()
    await fates(shelf, offer(a="a one", b="b one"))
    before = dict(shelf.kept)
    said = await fates(shelf, offer(a="a two", c="c one"), disable_gone=True, dry_run=True)
    assert said == {"a.md": "updated", "b.md": "disabled", "c.md": "added"}
    assert shelf.kept == before


async def test_who_changes_one_meanwhile_wins() -> None:
    shelf = Shelf(busy="a")
    assert await fates(shelf, offer(a="a one", b="b one")) == {"a.md": "refused", "b.md": "added"}
