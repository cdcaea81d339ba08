"""The window with the whole command: all of it, within Block Kit's limits, and literal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.slack.kit import pieces
from opsagent.adapters.slack.wording import whole_command
from opsagent.domain.approval import Approval
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.visible import visible
from servers.slack import words, wrong_blocks


def approval(command: str, undo: str = "") -> Approval:
    return Approval(
        id="a", tenant="t", run_id="r", step_id="s", step_number=1, attempt=1, digest="d" * 64, target="shop",
        command=command, manifest=Manifest(proof=Proof.EFFECT, writes=("/etc/x",) * 200), requested_at=0.0,
        expires_at=1.0, undo=undo,
    )  # fmt: skip


def test_a_long_command_is_there_to_its_last_character() -> None:
    command = "\n".join(f"echo line {number} <!channel>" for number in range(2000)) + "\necho the end"
    view = whole_command(approval(command, undo="y" * 50_000))
    assert wrong_blocks(view["blocks"], 100) == ""
    assert command in words(view)


def test_what_no_window_holds_is_said_to_go_on() -> None:
    view = whole_command(approval("x" * 400_000))
    assert wrong_blocks(view["blocks"], 100) == ""
    assert "opsagent show" in words(view)


@given(st.text(max_size=400), st.integers(1, 50))
def test_the_pieces_are_the_whole(text: str, size: int) -> None:
    found = list(pieces(text, size))
    assert "".join(found) == visible(text, lines=True)
    assert all(len(piece) <= size for piece in found)
