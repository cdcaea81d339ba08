"""democtl: talks to the demo's supervisor, and probes an address. Installed as one self-contained program."""

# Installed behind a shell line by `install`: no `from __future__` may stand here, and nothing of OpsAgent is imported.

import http.client
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

USAGE = """\
democtl status SERVICE                 how the supervisor sees it (changes nothing)
democtl probe URL                      one GET; exit 0 when the answer is 2xx (changes nothing)
democtl start|restart|stop SERVICE     give the supervisor an order
"""
TIMEOUT_S = 5.0
ORDERS = ("start", "restart", "stop")
UNHEALTHY, MISUSED, UNREACHABLE = 1, 2, 3


def probe(url: str) -> int:
    """GET once, follow nothing, print the status and the body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        body = answer.read(1000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as problem:
        sys.stdout.write(f"no answer: {problem}\n")
        return UNHEALTHY
    finally:
        connection.close()
    sys.stdout.write(f"{answer.status} {body}\n")
    return 0 if 200 <= answer.status < 300 else UNHEALTHY


def ask(control: Path, method: str, path: str) -> int:
    """One request to the supervisor; its answer as one line of `name=value` words."""
    try:
        port, secret = control.read_text("utf-8").split()
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=2 * TIMEOUT_S)
        connection.request(method, path, headers={"X-Control": secret})
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as problem:
        sys.stderr.write(f"democtl: the supervisor does not answer: {problem}\n")
        return UNREACHABLE
    sys.stdout.write(" ".join(f"{name}={value}" for name, value in said.items()) + "\n")
    return 0 if answer.status == 200 else MISUSED


def main(arguments: list[str], control: Path) -> int:
    """Do what the words say; the exit code."""
    match arguments:
        case ["status", service]:
            return ask(control, "GET", f"/{service}")
        case ["probe", url] if url.startswith("http://"):
            return probe(url)
        case [order, service] if order in ORDERS:
            return ask(control, "POST", f"/{service}/{order}")
    sys.stderr.write(USAGE)
    return MISUSED


def install(folder: Path, python: str) -> Path:
    """Write this program as `folder/democtl`, run by `python`; it finds the control file beside it."""
    # /bin/sh reads the second line as a command, Python as a string: a #! line alone cannot hold any path.
    header = f"#!/bin/sh\n'exec' '{python}' '-IS' \"$0\" \"$@\"\n"
    program = folder / "democtl"
    program.write_text(header + Path(__file__).read_text("utf-8"), "utf-8")
    program.chmod(0o755)
    return program


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).with_name("control")))
