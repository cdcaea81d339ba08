"""A public set with ground truth: the findings of Prowler (PyPI, Apache-2.0), and how each is repaired.

Prowler is a scanner; each of its checks has a name (`ec2_instance_public_ip`), a title, a description, the risk and the
repair, written by people. A runbook is made of name, risk and repair; title and description are never in it and are
what is searched with, as the summary and the description of an alert are. The checks of AWS and Kubernetes: 760.

All checks of a service are in the same part. Of a quarter of the services no runbook is indexed: their queries have no
answer. Half of the others, and half of those, is for calibration (`dev`); nothing was set by the rest (`held`).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.fetched import fetched
from opsagent.domain.runbook import Runbook

PACKAGE = "prowler==5.46.0"
PROVIDERS = ("aws", "kubernetes")
KINDS = ("name", "summary", "description", "name and text")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its runbook, what is asked by each of KINDS, and its part."""

    runbook: Runbook
    queries: Mapping[str, str]
    has_runbook: bool
    dev: bool


def findings() -> Sequence[Finding]:
    """All of them, by name; none where the package cannot be had."""
    wheel = fetched(PACKAGE)
    if wheel is None:
        return ()
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(one for one in archive.namelist() if one.endswith(".metadata.json"))
        rows = [json.loads(archive.read(one)) for one in names if one.split("/")[2] in PROVIDERS]
    return [_finding(row) for row in rows]


def _finding(row: Mapping[str, str]) -> Finding:
    name = row["CheckID"]
    title = name.replace("_", " ")
    repair = json.loads(json.dumps(row["Remediation"]))
    steps = "\n".join([repair["Recommendation"]["Text"], repair["Code"]["Other"], repair["Code"]["CLI"]])
    bucket = hashlib.sha256(row["ServiceName"].encode()).digest()[0] % 8
    return Finding(
        runbook=Runbook(
            id=name.replace("_", "-"),
            title=title,
            alerts=(name,),
            summary=row["Risk"],
            source=f"# {title}\n\n## Impact\n{row['Risk']}\n\n## Mitigation\n{steps}\n",
            version="1",
        ),
        queries={
            "name": name,
            "summary": row["CheckTitle"],
            "description": row["Description"],
            "name and text": f"{name}: {row['CheckTitle']} {row['Description']}",
        },
        has_runbook=bucket >= 2,
        dev=bucket % 2 == 0,
    )
