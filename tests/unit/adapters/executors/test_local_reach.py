"""Which folders an effect may write, from paths as a person wrote them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.executors.local.reach import absolute, reached_by
from opsagent.domain.manifest import Manifest, Proof

HOME = Path("/home/run")
CWD = Path("/srv/app")


def one(written: str) -> str:
    return str(absolute([written], cwd=CWD, home=HOME)[0])


def test_paths_become_what_the_shell_makes_of_them() -> None:
    assert one("/etc/app.conf") == "/etc/app.conf"
    assert one("app.conf") == "/srv/app/app.conf"
    assert one("../x") == "/srv/x"
    assert one("/../../x") == "/x"
    assert one("~/x") == "/home/run/x"
    assert one("~") == "/home/run"
    assert one("/var/log/*.gz") == "/var/log/*"
    assert one("/var/l?g/app/x") == "/var/*"
    assert one("logs/$NAME/x") == "/srv/app/logs/*"


@given(st.text(alphabet="ab/.~*", max_size=20))
def test_an_absolute_path_has_no_dots(written: str) -> None:
    path = absolute([written], cwd=CWD, home=HOME)[0]
    assert path.is_absolute()
    assert ".." not in path.parts


def test_a_read_reaches_nothing() -> None:
    manifest = Manifest(proof=Proof.READ, writes=("/etc/x",))
    assert reached_by(manifest, ("/etc/y",), cwd=CWD, home=HOME).writable == ()


def test_the_folder_is_what_becomes_writable(tmp_path: Path) -> None:
    manifest = Manifest(proof=Proof.EFFECT, writes=(f"{tmp_path}/a",), deletes=(f"{tmp_path}/new/deep/b", "/dev/null"))
    assert reached_by(manifest, (), cwd=CWD, home=HOME).writable == (tmp_path,)


def test_what_lies_below_the_root_opens_it_all() -> None:
    manifest = Manifest(proof=Proof.EFFECT, deletes=("/data",))
    assert reached_by(manifest, (), cwd=CWD, home=HOME).writable == (Path("/"),)
