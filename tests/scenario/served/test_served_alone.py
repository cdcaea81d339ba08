"""The core alone: with no extra installed the server starts, answers, and says how to get the pages."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import httpx
from packaging.requirements import Requirement

from served import WITHIN_S, environment
from servers.loopback import PLAIN

ALONE = """
import sys
sys.modules.update(dict.fromkeys(%r))
sys.argv[0] = "opsagent"
from opsagent.__main__ import main
main()
"""


def of_extras() -> list[str]:
    """The modules only an extra brings, as they are imported."""
    wanted = [Requirement(one) for one in requires("opsagent") or ()]
    extra = {one.name.lower() for one in wanted if one.marker and "extra" in str(one.marker)}
    always = {one.name.lower() for one in wanted if not one.marker}
    return sorted(
        module
        for module, brings in packages_distributions().items()
        if {name.lower() for name in brings} <= extra - always
    )


def test_the_core_alone_serves_and_says_how_to_get_the_pages(tmp_path: Path) -> None:
    lacking = of_extras()
    assert {"nicegui", "chromadb", "asyncssh", "crewai"} <= set(lacking)
    command = [sys.executable, "-c", ALONE % lacking, "serve", "--port", "0", "--json", "--data-dir", tmp_path / "data"]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout is not None
            said = serving.stdout.readline()
            assert said, serving.communicate()
            with httpx.Client(base_url=json.loads(said)["url"], timeout=WITHIN_S, trust_env=False, verify=PLAIN) as web:
                assert "pip install 'opsagent[ui]'" in web.get("/").text
                assert web.get("/readyz").status_code == 200
        finally:
            serving.terminate()
    assert serving.returncode == 0
