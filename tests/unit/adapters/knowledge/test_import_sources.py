"""Folders and git repositories of Markdown: what is read, what is left out, and that nothing of it is executed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.knowledge import from_git, offered
from opsagent.adapters.knowledge.from_folder import AllowedFolders, read_folder
from opsagent.adapters.knowledge.from_git import Repository, checked, is_repository, read_repository
from opsagent.domain.library import Offer
from opsagent.errors import InputError, NotFound, TooLarge, UnavailableError


def fill(folder: Path) -> Path:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "disk.md").write_text("# Disk\n")
    (folder / "deep" / "er" / "cpu.markdown").write_text("# Cpu\n")
    (folder / "README.md").write_text("# about\n")
    (folder / ".hidden" / "x.md").write_text("# x\n")
    (folder / "notes.txt").write_text("no\n")
    (folder / "latin.md").write_bytes(b"# caf\xe9\n")
    (folder / "link.md").symlink_to("/etc/passwd")
    (folder / "big.md").write_text("# big\n" + "x" * (256 * 1024))
    return folder


def shown(offer: Offer) -> dict[str, str]:
    return {one.path: one.problem or one.text for one in (*offer.files, *offer.left_out)}


EXPECTED = {
    "disk.md": "# Disk\n",
    "deep/er/cpu.markdown": "# Cpu\n",
    "README.md": "README is a page about the folder",
    "latin.md": "the file is not UTF-8",
    "big.md": "the runbook is larger than 256 KB",
}


def git(folder: Path, *words: str) -> None:
    asked = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com", *words]
    subprocess.run(asked, check=True, capture_output=True)


def repository(folder: Path) -> str:
    git(folder, "init", "-q", "-b", "main", ".")
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-qm", "one")
    return f"file://{folder}"


def test_a_folder_is_read_without_following_links(tmp_path: Path) -> None:
    offer = read_folder(fill(tmp_path))
    assert offer.origin == str(tmp_path.resolve())
    assert shown(offer) == EXPECTED | {"link.md": "a symbolic link is not followed"}


def test_a_file_alone_and_what_is_not_there(tmp_path: Path) -> None:
    assert shown(read_folder(fill(tmp_path) / "disk.md")) == {"disk.md": "# Disk\n"}
    with pytest.raises(NotFound):
        read_folder(tmp_path / "nowhere")


def test_a_pipe_that_is_called_like_a_page_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert shown(read_folder(tmp_path)) == {"pipe.md": ""}


def test_too_many_files_are_refused_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offered, "MAX_FILES", 2)
    with pytest.raises(TooLarge, match="over 2 Markdown files"):
        read_folder(fill(tmp_path))


async def test_the_server_reads_only_the_folders_that_were_named(tmp_path: Path) -> None:
    allowed = fill(tmp_path / "allowed")
    source = AllowedFolders([allowed])
    assert "disk.md" in shown(await source.read(str(allowed)))
    for other in (str(tmp_path), f"{allowed}/deep", f"{allowed}/../allowed", "/etc", ""):
        with pytest.raises(NotFound):
            await source.read(other)


async def test_a_repository_is_read_without_a_checkout(tmp_path: Path) -> None:
    url = repository(fill(tmp_path))
    offer = await read_repository(checked(url), SystemClock())
    assert offer.origin == url
    assert shown(offer) == EXPECTED | {"link.md": "a symbolic link or submodule is not followed"}
    below = await read_repository(checked(url, "main", "/deep/er/"), SystemClock())
    assert (below.origin, shown(below)) == (f"{url}#main:deep/er", {"cpu.markdown": "# Cpu\n"})
    with pytest.raises(NotFound):
        await read_repository(checked(url, folder="elsewhere"), SystemClock())
    with pytest.raises(UnavailableError, match="git could not read"):
        await read_repository(checked(url, "no-such-branch"), SystemClock())


async def test_nothing_of_a_repository_is_executed(tmp_path: Path) -> None:
    """Hooks, filters, textconv and fsmonitor of the repository and its attributes all would leave a mark."""
    folder, mark = fill(tmp_path / "repository"), tmp_path / "mark"
    (folder / ".gitattributes").write_text("*.md filter=evil diff=evil\n")
    url = repository(folder)
    for name in ("post-checkout", "reference-transaction", "post-index-change", "post-merge"):
        hook = folder / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
        hook.chmod(0o755)
    for name in ("filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "core.fsmonitor"):
        git(folder, "config", name, f"touch {mark}; cat")
    git(folder, "config", "uploadpack.packObjectsHook", f"touch {mark}; cat")
    assert shown(await read_repository(checked(url), SystemClock()))["disk.md"] == "# Disk\n"
    assert not mark.exists()


async def test_names_in_a_repository_lead_nowhere(tmp_path: Path) -> None:
    """A tree may hold names no checkout would make: they stay names."""
    url = repository(fill(tmp_path))
    git(tmp_path, "config", "core.protectNTFS", "false")
    blob = subprocess.run(
        ["git", "-C", str(tmp_path), "hash-object", "-w", "--stdin"], input=b"# out\n", capture_output=True, check=True
    ).stdout.decode().strip()  # fmt: skip
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"100644,{blob},deep/\nline.md")
    git(tmp_path, "commit", "-qm", "odd")
    assert shown(await read_repository(checked(url, folder="deep"), SystemClock()))["\nline.md"] == "# out\n"


async def test_a_large_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = repository(fill(tmp_path))
    monkeypatch.setattr(from_git, "MAX_REPOSITORY_BYTES", 100)
    with pytest.raises(TooLarge):
        await read_repository(checked(url), SystemClock())


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x.git", "git://example.com/x.git", "ext::sh -c id", "https://user:secret@example.com/x",
        "https://token@example.com/x", "ssh://-oProxyCommand=id/x", "https:///x", "ftp://example.com/x", "https://[x",
        "-u:x", "https://example.com/a b",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(InputError) as refused:
        checked(url)
    assert "secret" not in refused.value.message.replace("holds a secret", "")


@pytest.mark.parametrize(("ref", "folder"), [("--upload-pack=x", ""), ("a..b", ""), ("", "../x"), ("", "--x")])
def test_branches_and_folders_that_are_refused(ref: str, folder: str) -> None:
    with pytest.raises(InputError):
        checked("https://example.com/x.git", ref, folder)


def test_what_is_an_address_and_what_a_path() -> None:
    assert is_repository("git@example.com:team/runbooks.git")
    assert is_repository("https://example.com/x")
    assert not is_repository("./runbooks")
    assert checked("git@example.com:team/runbooks.git") == Repository(url="git@example.com:team/runbooks.git")
