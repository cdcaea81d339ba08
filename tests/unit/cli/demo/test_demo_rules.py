"""The demo's policy and runbook: looking is allowed, orders are asked about, whatever the folder is called."""

import json
import shlex
from importlib.resources import files

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.policy_files import load_policy
from opsagent.cli.demo.stage import WRITTEN_FOR
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof

PLACES = ["/tmp/x/democtl", "/tmp/a b/it's/democtl"]


def packaged(name):
    return files("opsagent.cli.demo").joinpath(name).read_text("utf-8")


@pytest.mark.parametrize("place", PLACES)
async def test_democtl_looks_freely_and_acts_by_approval(tmp_path, place):
    admin = tmp_path / "policy.yaml"
    admin.write_text(packaged("policy.yaml").replace(json.dumps(WRITTEN_FOR), json.dumps(place)))
    _, tables = load_policy(admin)
    analyser = ShellAnalyser(ShellAnalyserConfig(), tables)
    target = Connection(id="c", tenant="default", name="shop", hosts=("127.0.0.1:8000",))
    program = shlex.quote(place)
    texts = [
        f"{program} {words}" for words in ("status shop", "probe http://127.0.0.1:8000/healthz", "start shop", "x")
    ]
    status, probe, start, unknown = await analyser.analyse_all(texts, target)
    assert (status.proof, probe.proof) == (Proof.READ, Proof.READ)
    assert probe.contacts == ("127.0.0.1:8000",)
    assert (start.proof, start.services) == (Proof.EFFECT, ("shop",))
    assert unknown.proof is Proof.UNKNOWN


@pytest.mark.parametrize("place", PLACES)
def test_the_runbook_measures_saves_and_branches(place):
    text = packaged("shop.md").replace(WRITTEN_FOR, shlex.quote(place))
    runbook = parse_runbook(text, path="shop.md", tenant="default")
    check = runbook.measure_for("ShopDown")
    assert check is not None
    assert shlex.split(check.text)[:2] == [place, "probe"]
    repair = runbook.step("good-config")
    assert repair.save == ("{{connection.config}}",)
    assert repair.undo is not None
    assert repair.undo.restore
    assert {step.when[0].step for step in runbook.steps if step.when} == {"status", "config", "leftovers"}
