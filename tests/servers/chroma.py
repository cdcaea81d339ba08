"""A real Chroma server on 127.0.0.1, ended by its process id."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import free_port, listens, until


@contextmanager
def chroma_server(folder: Path, port: int = 0) -> Iterator[str]:
    """Its address, once it listens."""
    where = port or free_port()
    program = Path(sys.executable).with_name("chroma")
    command = [str(program), "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(where)]
    environment = {**os.environ, "HOME": str(folder), "ANONYMIZED_TELEMETRY": "False"}
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            until(lambda: process.poll() is None and listens(where), f"chroma on {where}")
            yield f"http://127.0.0.1:{where}"
        finally:
            process.terminate()
            process.wait(10)
