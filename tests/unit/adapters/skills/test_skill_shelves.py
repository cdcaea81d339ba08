"""Skills from folders: read as the open format says, and never more than text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opsagent.adapters.skills.shelves import SkillShelves
from opsagent.domain.skill import MAX_TEXT_CHARS, Shelf, Skill
from opsagent.errors import NotFound

PAGE = "---\nname: %s\ndescription: %s\nlicense: MIT\n---\n# Payments\n\nLook at the bank first.\n"


def put(root: Path, name: str, text: str = "", **files: str) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(text or PAGE % (name, "The bank."))
    for path, content in files.items():
        (folder / f"{path}.md").write_text(content)
    return folder


async def test_yours_stand_beside_and_in_place_of_the_built_in_ones(tmp_path: Path) -> None:
    put(tmp_path, "payments", bank="Call them.")
    put(tmp_path, "cost", PAGE % ("cost", '"Ours: cheaper."'))
    shelves = SkillShelves(tmp_path)
    found = {one.name: one for one in (await shelves.all()).skills}
    assert found["payments"] == Skill(
        name="payments", description="The bank.", body="# Payments\n\nLook at the bank first.\n", files=("bank.md",),
        shelf=Shelf.YOURS,
    )  # fmt: skip
    assert (found["cost"].description, found["cost"].shelf) == ("Ours: cheaper.", Shelf.YOURS)
    assert found["database"].shelf is Shelf.BUILT_IN
    assert await shelves.read("payments", "bank.md") == "Call them."
    (tmp_path / "payments" / "SKILL.md").write_text(PAGE % ("payments", "The new bank."))
    assert (await shelves.get("payments")).description == "The new bank."


@pytest.mark.parametrize("path", ["SKILL.md", "../cost/SKILL.md", "/etc/passwd", "secret.md", ".hidden", "nothing.md"])
async def test_only_its_own_files_are_read(tmp_path: Path, path: str) -> None:
    folder = put(tmp_path, "payments")
    put(tmp_path, "cost", PAGE % ("cost", "x"))
    (folder / "secret.md").symlink_to("/etc/passwd")
    (folder / ".hidden").write_text("x")
    with pytest.raises(NotFound, match=r"has no file"):
        await SkillShelves(tmp_path).read("payments", path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# No header\n", "no front matter"),
        ("---\nname: payments\n", "no front matter"),
        ("---\n: [\n---\n", "no YAML (line 2)"),
        ("---\n- payments\n---\n", "no name"),
        ("---\nname: Payments!\ndescription: x\n---\n", "no name"),
        ("---\nname: payments\n---\n", "no description"),
        (f"---\nname: payments\ndescription: {'x' * 1025}\n---\n", "no description"),
        ("---\nname: other\ndescription: x\n---\n", "It is called other"),
        ("---\nname: payments\ndescription: x\n---\nsay \u202eyes\n", "cannot be seen"),
        (PAGE % ("payments", "x") + "y" * 300_000, "more than"),
    ],
)
async def test_what_is_no_skill_is_listed_with_the_reason_and_stops_nothing(
    tmp_path: Path, text: str, words: str
) -> None:
    folder = put(tmp_path, "payments", text)
    shelved = await SkillShelves(tmp_path).all()
    assert len(shelved.skills) == 5
    ((place, problem),) = shelved.unread
    assert (place, words in problem) == (str(folder), True), problem


async def test_a_link_a_pipe_and_binary_are_no_skills(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(put(tmp_path / "elsewhere", "linked"))
    pipe = tmp_path / "pipe"
    pipe.mkdir()
    os.mkfifo(pipe / "SKILL.md")
    put(tmp_path, "binary").joinpath("SKILL.md").write_bytes(b"---\n\xff\xfe")
    shelved = await SkillShelves(tmp_path).all()
    assert [Path(place).name for place, _ in shelved.unread] == ["binary", "pipe"]
    assert "linked" not in {one.name for one in shelved.skills}


async def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(NotFound) as raised:
        await SkillShelves().get("debuging")
    assert "debugging" in raised.value.fix


def test_what_a_model_gets_is_bounded_and_says_where_it_was_cut() -> None:
    short = Skill(name="x", description="About x.", body="Look.\n")
    assert short.text == "# Skill: x\nAbout x.\n\nLook.\n"
    long = Skill(name="x", description="About x.", body="y" * 3 * MAX_TEXT_CHARS)
    assert len(long.text) < MAX_TEXT_CHARS + 100
    assert "[cut here" in long.text
