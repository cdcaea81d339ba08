"""Schemathesis over our own OpenAPI document: no request it can think of breaks the server or the document's word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from served import WITHIN_S, Caller, Shop, serve, shop_in

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 4  # of each operation, mode and way to fill its path


def ids_of(admin: Caller, shop: Shop) -> dict[str, str]:
    """What is really there, by the names of path parameters."""
    joined = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(), status=202)["tickets"][0]
    asked = admin.question(joined["runId"])
    return {
        "run_id": joined["runId"],
        "session_id": joined["runId"],
        "ticket_id": joined["ticketId"],
        "approval_id": asked["approvalId"],
        "runbook_id": shop.runbook,
        "name": shop.name,
        "source": "grafana",
    }


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """Of a server that is asked everything, so it is nobody else's."""
    folder = tmp_path_factory.mktemp("schema")
    with serve(folder / "data", webhook_secret_grafana="x" * 20) as served:
        caller = served.admin()
        caller.json_of("POST", "/api/v1/control/acting", {"on": True})
        yield caller


def test_no_operation_breaks_or_answers_otherwise_than_documented(admin: Caller, tmp_path: Path) -> None:
    shop = shop_in(tmp_path, "shop")
    shop.register(admin)
    real = ids_of(admin, shop)
    schema = schemathesis.openapi.from_dict(admin.get_json("/api/v1/openapi.json"))
    operations = sorted((one.ok() for one in schema.get_all_operations()), key=lambda one: one.method == "delete")
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {admin.key}"
        session.trust_env = False
        ask = Asking(session, str(admin.base_url), real)
        for operation in operations:
            for mode in GenerationMode:
                ask(operation, mode)
    print(f"{ask.count} requests to {len(operations)} operations")
    assert not ask.found, "\n\n".join(ask.found)


@dataclass
class Asking:
    """Sends examples of an operation, with its path as made up and with the names of what is there; notes faults."""

    session: requests.Session
    url: str
    real: Mapping[str, str]
    found: list[str] = field(default_factory=list)
    count: int = 0

    def __call__(self, operation: Any, mode: GenerationMode) -> None:
        @seed(4)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case) -> None:
            self._send(case)
            known = set(case.path_parameters or ()) & set(self.real)
            if known:
                case.path_parameters.update({name: self.real[name] for name in known})
                self._send(case)

        with suppress(Unsatisfiable):  # an operation that takes nothing takes nothing wrong
            ask()

    def _send(self, case: Case) -> None:
        self.count += 1
        try:
            case.validate_response(case.call(base_url=self.url, session=self.session, timeout=WITHIN_S), checks=CHECKS)
        except FailureGroup as group:
            self.found += [f"{case.operation.label}: {one}" for one in group.exceptions]
