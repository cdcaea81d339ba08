"""A STAND-IN for PowerShell, for hosts of the tests: it checks how it was called and keeps tokens as wrapper.ps1 does.

It runs no PowerShell. The text of an order is run by sh, so that tests can make effects; everything else (the command
line, the script on standard input, the frame of the answer, one token for one effect) is as on a real host.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path


def answer_to(script: str) -> str:
    """What the wrapper would print for a script that carries an order."""
    found = re.search(r"FromBase64String\('([A-Za-z0-9+/=]+)'\)\) \| ConvertFrom-Json", script)
    assert found, "the script carries no order"
    assert "@@ORDER@@" not in script
    order = json.loads(base64.b64decode(found[1]))
    raw = json.dumps(_done(order)).encode()
    return f"opsagent {order['nonce']} {base64.b64encode(raw).decode()} end"


def _done(order: dict) -> dict:
    state = Path(order["state"])
    token, result = state / f"{order['token']}.token", state / f"{order['token']}.result"
    match order["mode"]:
        case "probe":
            return {"state": "ran", "exit": 0, "out": "WIN1 as ops", "err": "", "version": "5.1.0"}
        case "read":
            return _ran(order)
        case "settle":
            return _settled(state, token, result, order["patience"])
    if not _take(state, token, str(os.getpid())):
        return {"state": "taken"}
    done = _ran(order)
    part = result.with_suffix(".new")
    part.write_text(json.dumps(done))
    part.rename(result)
    return done


def _settled(state: Path, token: Path, result: Path, patience_s: float) -> dict:
    if _take(state, token, "settled") or token.read_text() == "settled":
        return {"state": "never"}
    end = time.monotonic() + patience_s
    while not result.exists() and time.monotonic() < end:
        os.sched_yield()
    if result.exists():
        return json.loads(result.read_text())
    with suppress(ProcessLookupError):
        os.kill(int(token.read_text()), signal.SIGKILL)
    return {"state": "unknown"}


def _take(state: Path, token: Path, words: str) -> bool:
    try:
        state.mkdir(exist_ok=True)
        with token.open("x") as file:
            file.write(words)
    except FileExistsError:
        return False
    return True


def _ran(order: dict) -> dict:
    values = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **dict(order["environment"])}
    try:
        ended = subprocess.run(
            ["sh", "-c", order["text"]],
            capture_output=True,
            text=True,
            timeout=order["limit"],
            cwd=order["cwd"] or None,
            env=values,
        )
    except subprocess.TimeoutExpired:
        return {"state": "ran", "exit": 1, "late": True, "ms": int(order["limit"] * 1000), "out": "", "err": ""}
    return {"state": "ran", "exit": ended.returncode, "ms": 1, "out": ended.stdout, "err": ended.stderr}


def main() -> None:
    """As `pwsh`: the arguments must be exactly ours, and what they encode must read the script from standard input."""
    assert sys.argv[1:5] == ["-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand"], sys.argv
    bootstrap = base64.b64decode(sys.argv[5], validate=True).decode("utf-16-le")
    assert bootstrap.startswith("$t=[Console]::In.ReadToEnd();"), bootstrap
    script = base64.b64decode(sys.stdin.read(), validate=True).decode()
    print("noise of a profile")
    print(answer_to(script))


if __name__ == "__main__":
    main()
