"""What a path held is kept byte for byte, or it is said why not; never "nothing" of what is merely hidden."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_shell import NOBODY, Bench, open_folder
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError
from opsagent.ports.executor import Kept, Order

CONTENTS = [b"", bytes(range(256)), b"\r\n\0 [redacted] \xff" * 10_000, os.urandom(5 * 1024**2)]
SECRET = "hunter2-a-registered-secret"


@pytest.fixture
def kept_in() -> Iterator[Path]:
    """A folder of the machine that is nobody's."""
    with open_folder() as folder:
        yield folder


def with_input(order: Order, content: bytes | None) -> Order:
    return replace(order, stdin=content)


@pytest.mark.parametrize("content", CONTENTS, ids=len)
async def test_every_byte_of_a_file_and_back(bench: Bench, kept_in: Path, content: bytes) -> None:
    path = kept_in / "app.conf"
    path.write_bytes(content)
    path.chmod(0o600)
    about = path.stat()
    server = bench.server(output_cap_bytes=1024, redactor=lambda text: text.replace("a", "b"))
    kept = await server.keep(bench.host("true"), str(path))
    assert kept == Kept(content=content, mode=0o600, uid=about.st_uid, gid=about.st_gid)
    path.write_text("spoilt")
    order = bench.host(f"cat > {path}", proof=Proof.EFFECT, manifest={"writes": (str(path),)}, stdin="not this")
    outcome = await server.run(with_input(order, kept.content))
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert path.read_bytes() == content


async def test_a_secret_stays_whole_and_is_nowhere_else(bench: Bench, kept_in: Path) -> None:
    path = kept_in / "secret.conf"
    path.write_text(f"password={SECRET}\n")
    server = bench.server(redactor=lambda text: text.replace(SECRET, "[redacted]"))
    kept = await server.keep(bench.host("true"), str(path))
    assert kept.content == f"password={SECRET}\n".encode()
    assert SECRET not in repr(kept)
    order = with_input(
        bench.host(f"cat > {path}; sleep 0.05", proof=Proof.EFFECT, manifest={"writes": (str(path),)}), kept.content
    )
    assert SECRET not in repr(order)
    await server.run(order)
    assert path.read_bytes() == kept.content
    assert not [found for found in bench.folder.rglob("*") if found.is_file() and SECRET.encode() in found.read_bytes()]
    assert not bench.artifacts.kept


async def test_modes_and_owners(bench: Bench, kept_in: Path) -> None:
    path = kept_in / "tool"
    path.write_text("x")
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    path.chmod(0o4751)
    kept = await bench.server().keep(bench.host("true"), str(path))
    assert (kept.mode, kept.uid, kept.gid) == (0o4751, path.stat().st_uid, path.stat().st_gid)


async def test_nothing_is_said_of_a_folder_that_is_seen(bench: Bench, kept_in: Path) -> None:
    assert await bench.server().keep(bench.host("true"), f"{kept_in}/missing") == Kept(content=None)
    assert (await bench.server().keep(bench.order("true"), "missing")).content is None


async def test_a_link_to_a_file_is_followed(bench: Bench, kept_in: Path) -> None:
    (kept_in / "real").write_text("real")
    (kept_in / "link").symlink_to("real")
    assert (await bench.server().keep(bench.host("true"), f"{kept_in}/link")).content == b"real"


async def test_what_cannot_be_kept(bench: Bench, kept_in: Path) -> None:
    (kept_in / "dangling").symlink_to("nowhere")
    (kept_in / "loop").symlink_to("loop")
    (kept_in / "null").symlink_to("/dev/null")
    (kept_in / "file").write_text("x")
    os.mkfifo(kept_in / "pipe")
    with (kept_in / "large").open("wb") as file:
        file.truncate(16 * 1024**2 + 1)
    refused = {
        f"{kept_in}/gone/missing": "its folder cannot be seen",
        f"{kept_in}/file/missing": "its folder cannot be seen",
        f"{kept_in}/dangling": "leads nowhere",
        f"{kept_in}/loop": "symbolic links",
        f"{kept_in}/null": "no regular file",
        f"{kept_in}/pipe": "no regular file",
        f"{kept_in}/large": "larger than 16 MiB",
        f"{kept_in}/..": "names a folder",
        f"{kept_in}/": "names a folder",
        f"{kept_in}/missing/": "names a folder",
        f"{kept_in}/file/": "names a folder",
        "": "names a folder",
        str(kept_in): "no regular file",
        "/dev/zero": "no regular file",
        "/proc/self/environ": "belongs to a process",
        f"/proc/{os.getpid()}/environ": "belongs to a process",
        "~/notes": "its folder cannot be seen",
        f"{kept_in}/a\0b": "null",
    }
    server, order = bench.server(), bench.host("true")
    for path, why in refused.items():
        with pytest.raises(ExecutionError, match=why) as caught:
            await server.keep(order, path)
        assert "Nothing was changed" in caught.value.message
        assert caught.value.fix


async def test_sixteen_mebibytes_are_kept(boxed: Bench, kept_in: Path) -> None:
    with (kept_in / "large").open("wb") as file:
        file.truncate(16 * 1024**2)
    kept = await boxed.server().keep(boxed.host("true"), f"{kept_in}/large")
    assert len(kept.content or b"") == 16 * 1024**2


async def test_a_setting_of_the_kernel_is_kept_though_it_says_it_is_empty(boxed: Bench) -> None:
    kept = await boxed.server().keep(boxed.host("true"), "/proc/sys/kernel/ostype")
    assert kept.content == b"Linux\n"


async def test_the_agents_own_folders_are_closed(bench: Bench, kept_in: Path) -> None:
    own = bench.folder / "data"
    own.mkdir()
    (own / "opsagent.db").write_text("x")
    (own / "out").symlink_to(kept_in / "file")
    (kept_in / "file").write_text("x")
    (kept_in / "in").symlink_to(own / "opsagent.db")
    (kept_in / "folder").symlink_to(own)
    server, order = bench.server(hidden=(own,)), bench.host("true")
    await server.run(bench.order("true"))
    other = bench.order("echo theirs > notes", run_id=f"{bench.run_id}-other")
    await server.run(other)
    for path in (
        own / "opsagent.db",
        own / "missing",
        own / "out",
        kept_in / "in",
        kept_in / "folder" / "missing",
        bench.folder / "state" / bench.run_id / "x",
        bench.folder / "sandbox" / other.run_id / "notes",
    ):
        with pytest.raises(ExecutionError, match="own folder"):
            await server.keep(order, str(path))


async def test_relative_paths_are_the_runs(bench: Bench) -> None:
    server = bench.server()
    await server.run(bench.order("mkdir sub; echo mine > notes; echo deep > sub/notes; chmod 0640 notes"))
    for order in (bench.order("true"), bench.host("true")):
        kept = await server.keep(order, "notes")
        assert (kept.content, kept.mode) == (b"mine\n", 0o640)
        absolute = bench.folder / "sandbox" / bench.run_id / "notes"
        assert (await server.keep(order, str(absolute))).content == b"mine\n"
    assert (await server.keep(bench.order("true", cwd="sub"), "notes")).content == b"deep\n"
    await server.run(with_input(bench.order("cat > notes"), kept.content))
    assert (await server.run(bench.order("cat notes"))).stdout == "mine\n"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/missing", "link", "folder/passwd", "folder/missing", "../x"])
async def test_a_sandbox_command_keeps_only_what_is_its_own(bench: Bench, path: str) -> None:
    server = bench.server()
    await server.run(bench.order("ln -s /etc/passwd link; ln -s /etc folder"))
    with pytest.raises(ExecutionError, match="outside the run's folder"):
        await server.keep(bench.order("true"), path)
