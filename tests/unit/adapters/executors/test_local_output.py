"""Output is decoded, redacted before it is cut, cut in the middle, and kept whole as an artifact."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from local_shell import Bench
from opsagent.adapters.executors.local import output
from opsagent.errors import StoreUnavailable

SECRET = "tok_0123456789abcdef"


def redact(text: str) -> str:
    return re.sub(r"tok_[0-9a-f]{16}", "[redacted]", text)


async def test_what_fits_is_whole(bench: Bench) -> None:
    outcome = await bench.server(output_cap_bytes=4096).run(bench.order("head -c 4096 /dev/zero | tr '\\0' x"))
    assert outcome.stdout == "x" * 4096
    assert not outcome.truncated
    assert not outcome.artifact


async def test_what_does_not_fit_is_cut_in_the_middle(bench: Bench) -> None:
    outcome = await bench.server(output_cap_bytes=100).run(bench.order("seq 1 1000; echo oh >&2"))
    head, mark, tail = re.split(r"\n(\[.*\])\n", outcome.stdout)
    whole = "".join(f"{n}\n" for n in range(1, 1001))
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert mark == f"[... {len(whole) - 100} bytes left out here ...]"
    assert outcome.truncated
    assert bench.artifacts.kept[outcome.artifact].decode() == f"{whole}\n----- stderr -----\noh\n"


async def test_a_flood_is_drained_and_costs_no_memory(bench: Bench) -> None:
    server = bench.server(output_cap_bytes=1000, full_output_cap_bytes=50_000)
    outcome = await server.run(bench.order("head -c 30000000 /dev/zero | tr '\\0' '\\n'; echo the end; echo $? "))
    assert outcome.exit_code == 0
    assert outcome.stdout.endswith("the end\n0\n")
    assert len(outcome.stdout) < 1100
    assert len(bench.artifacts.kept[outcome.artifact]) < 51_000


async def test_a_flood_ends_in_time(bench: Bench) -> None:
    outcome = await bench.server(output_cap_bytes=1000).run(bench.order("yes", timeout_s=0.5))
    assert outcome.timed_out
    assert outcome.stdout.startswith("y\ny\n")


async def test_bytes_that_are_no_text_are_replaced(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("printf 'a\\377b\\033[31m\\303\\251'"))
    assert outcome.stdout == "a\ufffdb\x1b[31mé"  # control characters are for the display to escape


async def test_a_secret_across_the_cut_is_hidden(bench: Bench) -> None:
    for before in (40, 45, 50, 52):
        text = f"printf '%{before}s' | tr ' ' a; printf {SECRET}; printf '%200s' | tr ' ' b"
        outcome = await bench.server(output_cap_bytes=100, redactor=redact).run(bench.order(text))
        assert "tok_" not in outcome.stdout
        assert "0123" not in outcome.stdout
        assert SECRET.encode() not in bench.artifacts.kept[outcome.artifact]


async def test_no_secret_stays_on_disk(bench: Bench) -> None:
    order = bench.order(f"echo {SECRET}; seq 1 1000; echo {SECRET} >&2")
    outcome = await bench.server(output_cap_bytes=100, redactor=redact).run(order)
    assert outcome.stdout.startswith("[redacted]")
    for path in bench.token(order).parent.iterdir():
        if path.is_file() and not path.is_symlink():
            assert SECRET not in path.read_text()
    trace = await bench.server(output_cap_bytes=100, redactor=redact).trace(order)
    assert trace.outcome == outcome


async def test_a_lost_artifact_does_not_lose_the_outcome(bench: Bench) -> None:
    async def full(tenant: str, content: bytes, *, encrypt: bool = False) -> str:
        raise StoreUnavailable("The disk is full.")

    bench.artifacts.put = full  # type: ignore[method-assign]  # a store that fails
    outcome = await bench.server(output_cap_bytes=100).run(bench.order("seq 1 1000"))
    assert outcome.exit_code == 0
    assert outcome.truncated
    assert "could not be kept: The disk is full." in outcome.note


@given(st.text(), st.integers(min_value=2, max_value=200))
def test_a_cut_keeps_both_ends_and_its_cap(text: str, cap: int) -> None:
    shown = output.cut(text, cap)
    if len(text.encode()) <= cap:
        assert shown == text
        return
    head, _, rest = shown.partition("\n[... ")
    tail = rest.partition(" ...]\n")[2]
    assert len(head.encode()) + len(tail.encode()) <= cap
    assert text.startswith(head) or "\n[... " in text
    assert text.endswith(tail) or " ...]\n" in text


@given(st.lists(st.text(min_size=1), min_size=1), st.text())
def test_no_known_secret_is_left(secrets: list[str], text: str) -> None:
    shown = output.redactor(lambda words: words, secrets)(text + secrets[0] + text)
    long = [secret for secret in secrets if not any(part in output.HIDDEN or output.HIDDEN in part for part in secret)]
    assert not [secret for secret in long if len(secret) > len(output.HIDDEN) and secret in shown]
