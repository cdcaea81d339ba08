"""Starts moto's server (an AWS that keeps nothing) on 127.0.0.1, and notes every call it gets."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/opsagent"
BASE = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "base-s3cret-of-the-test-0123456789abcdefg"}
_BROKEN = b"<Response><Errors><Error><Code>Unavailable</Code><Message>broken</Message></Error></Errors></Response>"


def nothing(_: str) -> bool:
    """No action fails."""
    return False


@dataclass(frozen=True)
class Call:
    """One request: its form (for the query protocol), its headers, and what was answered."""

    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]
    body: bytes
    answer: bytes

    @property
    def action(self) -> str:
        return self.form.get("Action", "")


@dataclass
class Cloud:
    """Where it listens, what it was asked, and a client of the tests' own. `fails` decides what to answer with 503."""

    endpoint: str
    calls: list[Call] = field(default_factory=list)
    fails: Callable[[str], bool] = nothing

    def of(self, action: str) -> list[Call]:
        return [call for call in self.calls if call.action == action]

    def client(self, service: str) -> Any:
        import boto3

        return boto3.session.Session().client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
        )

    def instance(self) -> str:
        """A new running machine."""
        made = self.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
        return str(made["Instances"][0]["InstanceId"])

    def state(self, instance: str) -> str:
        found = self.client("ec2").describe_instances(InstanceIds=[instance])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


@contextmanager
def aws() -> Iterator[Cloud]:
    """An AWS that takes every credential. The tests' own calls are noted too."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server
    from werkzeug.wrappers import Request, Response

    inner = DomainDispatcherApplication(create_backend_app)
    cloud = Cloud("")

    def noting(environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data(cache=True)
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if cloud.fails(form.get("Action", "")):
            response = Response(_BROKEN, status=503)
        else:
            environ["wsgi.input"] = io.BytesIO(body)
            response = Response.from_app(inner, environ, buffered=True)
        answer = response.get_data()
        cloud.calls.append(Call(request.method, request.path, form, dict(request.headers), body, answer))
        return response(environ, start_response)

    server = make_server("127.0.0.1", 0, noting, threaded=True)
    cloud.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
