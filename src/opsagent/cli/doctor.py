"""`opsagent doctor`: what works here, what is degraded, and how to mend it."""

from __future__ import annotations

from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place
from opsagent.cli.perform import finish
from opsagent.cli.screen import STYLES, put, say, say_json, screen
from opsagent.domain.visible import one_line


def doctor(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at this machine: each line says what works, what does not, what that means and how to mend it."""
    place = Place(data_dir=data_dir, as_json=as_json)

    async def work() -> Exit:
        from rich.text import Text

        from opsagent.cli.checks import examine

        findings = await examine(place)
        healthy = not any(one.state == "missing" for one in findings)
        if as_json:
            checks = [{"name": f.name, "state": f.state, "means": f.means, "mend": f.mend} for f in findings]
            say_json({"ok": healthy, "checks": checks})
            return Exit.OK if healthy else Exit.FAILED
        console = screen()
        for finding in findings:
            line = Text(f"{finding.state:<9}", style=STYLES[finding.state]).append(f"{finding.name}: ", style="bold")
            put(console, line.append(one_line(finding.means)))
            if finding.mend:
                put(console, Text(f"         mend: {one_line(finding.mend)}"))
        degraded = sum(one.state == "degraded" for one in findings)
        if not healthy:
            say("", "Something that is needed is missing.")
        else:
            say("", "All that is needed is here." + (f" {degraded} part(s) could be better." if degraded else ""))
        return Exit.OK if healthy else Exit.FAILED

    finish(place, work)
