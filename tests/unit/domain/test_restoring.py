"""What writes a kept file back: whole or not at all, with its mode and owner, run by the real shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from opsagent.domain.restoring import restoring
from opsagent.domain.step import Saved

KEPT = b"what it held\n" * 9000  # more than a pipe and a small disk hold


def restore(path: Path, saved: Saved, *, shell: str = "sh", before: str = "") -> subprocess.CompletedProcess[bytes]:
    text = restoring(str(path), saved, step_id="run.1")
    return subprocess.run([shell, "-c", before + text], input=KEPT, capture_output=True, check=False)


def saved(path: Path, **changes) -> Saved:
    about = path.stat()
    return Saved("artifact", **{"mode": about.st_mode & 0o7777, "uid": about.st_uid, "gid": about.st_gid} | changes)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", ["plain", "with a space", "it's", "-f", "ümläut"])
def test_content_mode_and_owner_come_back_and_nothing_stays_beside_it(tmp_path, shell, name):
    path = tmp_path / name
    path.write_bytes(b"changed")
    path.chmod(0o604)
    before = saved(path)
    path.chmod(0o777)
    done = restore(path, before, shell=shell)
    assert done.returncode == 0, done.stderr
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (KEPT, 0o604)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"changed")
    done = restore(path, saved(path), before="trap '' XFSZ; ulimit -f 8; ")  # a file size limit stands for a full disk
    assert done.returncode != 0
    assert path.read_bytes() == b"changed"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_file_removed_meanwhile_comes_back_and_one_that_was_absent_goes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    before = saved(path)
    path.unlink()
    assert restore(path, before).returncode == 0
    assert path.read_bytes() == KEPT
    assert restore(path, Saved("")).returncode == 0
    assert not path.exists()


def test_where_the_owner_cannot_be_given_it_is_written_in_place(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"changed")
    number = path.stat().st_ino
    done = restore(path, saved(path), before="chown() { return 1; }; ")
    assert done.returncode == 0, done.stderr
    assert (path.read_bytes(), path.stat().st_ino) == (KEPT, number)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_where_nothing_can_be_made_beside_it_it_is_written_in_place(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"changed")
    number = path.stat().st_ino
    done = restore(path, saved(path), before="mkdir() { return 1; }; ")
    assert (done.returncode, path.read_bytes(), path.stat().st_ino) == (0, KEPT, number)


def test_a_link_is_written_through(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"changed")
    link.symlink_to(target)
    assert restore(link, saved(link, link=str(target))).returncode == 0
    assert link.is_symlink()
    assert target.read_bytes() == KEPT


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_root_gives_it_back_to_its_owner(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"changed")
    done = restore(path, saved(path, uid=12345, gid=23456))
    assert done.returncode == 0, done.stderr
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)
