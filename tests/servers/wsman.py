"""A small WinRM of our own on loopback: TLS, basic log-in, WS-Management and PSRP messages by pypsrp's own types.

No Windows is behind it: `play` answers what a pipeline would, given the names and parameters of its commands. It shows
that our use of the protocol holds together and what happens when the connection breaks, not that Windows agrees.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import ssl
import threading
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pypsrp.complex_objects import PSInvocationState, RunspacePoolState
from pypsrp.messages import (
    Destination,
    Message,
    PipelineOutput,
    PipelineState,
    RunspacePoolStateMessage,
    SessionCapability,
)
from pypsrp.powershell import Fragment
from pypsrp.serializer import Serializer
from pypsrp.wsman import NAMESPACES

RSP = NAMESPACES["rsp"]


@dataclass(frozen=True)
class Asked:
    """One command of a pipeline: its text, whether it is a script, its parameters (name, value)."""

    text: str
    is_script: bool
    parameters: tuple[tuple[str | None, Any], ...]


class Breaks(Exception):
    """Raised by `play`: the connection ends without an answer."""


class StillRuns(Exception):
    """Raised by `play`: there is nothing to say yet."""


@dataclass
class WinRm:
    """Where it listens, what opens it, and what it was asked."""

    play: Callable[[list[Asked]], list[Any]]
    port: int = 0
    certificate: str = ""
    user: str = "ops"
    password: str = "t0p-s3cret"
    asked: list[list[Asked]] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)
    down: bool = False
    stopped: int = 0
    serializer: Serializer = field(default_factory=Serializer)
    count: int = 0

    def stream(self, pool: str, pid: str | None, *objects: Any) -> str:
        raw = b""
        for one in objects:
            self.count += 1
            message = Message(Destination.CLIENT, pool, pid, one, self.serializer)
            if isinstance(one, PipelineOutput):
                data = _packed(message, self.serializer.serialize(one.data))
            else:
                data = message.pack()
            raw += Fragment(self.count, 0, data, start=True, end=True).pack()
        return base64.b64encode(raw).decode()


def _packed(message: Message, element: ET.Element) -> bytes:
    head = message.destination.to_bytes(4, "little") + message.message_type.to_bytes(4, "little")
    return head + message.rpid.bytes_le + message.pid.bytes_le + ET.tostring(element, encoding="utf-8")


def _commands(fragment: bytes) -> list[Asked]:
    """The commands of a pipeline, from the message that makes one."""
    unpacked, rest = Fragment.unpack(fragment)
    assert not rest
    tree = ET.fromstring(unpacked.data[40:].removeprefix(b"\xef\xbb\xbf"))  # noqa: S314 - from our own client
    found = []
    for command in (one for one in tree.iter() if one.find("*[@N='Cmd']") is not None):
        parameters = []
        for one in command.findall("*[@N='Args']/*/*"):
            name, value = one.find("*/*[@N='N']"), one.find("*/*[@N='V']")
            parameters.append((name.text if name is not None else None, _plain(value)))
        text = command.find("*[@N='Cmd']")
        is_script = command.find("*[@N='IsScript']")
        assert text is not None and is_script is not None
        found.append(Asked(Serializer().deserialize(text) or "", is_script.text == "true", tuple(parameters)))
    return found


def _plain(value: ET.Element | None) -> Any:
    if value is None or value.tag.endswith("Nil"):
        return None
    if value.tag.endswith("Obj"):
        return [one.text for group in value if group.tag.endswith("LST") for one in group]
    return value.text == "true" if value.tag.endswith("}B") or value.tag == "B" else value.text


@contextmanager
def winrm(folder: Path, play: Callable[[list[Asked]], list[Any]]) -> Iterator[WinRm]:
    """A WinRM that listens until the block ends."""
    made = WinRm(play)
    made.certificate = _certificate(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            wanted = base64.b64encode(f"{made.user}:{made.password}".encode()).decode()
            if self.headers.get("authorization") != f"Basic {wanted}":
                self._say(401, b"")
                return
            if made.down:
                self.close_connection = True
                return
            try:
                answer = _answered(made, ET.fromstring(body))  # noqa: S314 - from our own client
            except Breaks:
                made.down = True
                self.close_connection = True
                return
            self._say(200, answer)

        def _say(self, status: int, answer: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/soap+xml;charset=UTF-8")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_given: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answered(made: WinRm, envelope: ET.Element) -> bytes:
    """The body of the answer to one request."""
    action = (envelope.findtext(".//wsa:Action", namespaces=NAMESPACES) or "").rpartition("/")[2]
    shell = envelope.findtext(".//wsman:Selector[@Name='ShellId']", namespaces=NAMESPACES) or ""
    if action == "Create":
        made.endpoints.append(
            (envelope.findtext(".//wsman:ResourceURI", namespaces=NAMESPACES) or "").rpartition("/")[2]
        )
        node = envelope.find(".//rsp:Shell", NAMESPACES)
        assert node is not None
        identity = node.attrib["ShellId"]
        wsman, transfer = NAMESPACES["wsman"], NAMESPACES["wst"]
        body = (
            f'<wst:ResourceCreated xmlns:wst="{transfer}" xmlns:wsman="{wsman}"><wsa:ReferenceParameters>'
            f'<wsman:SelectorSet><wsman:Selector Name="ShellId">{identity}</wsman:Selector></wsman:SelectorSet>'
            "</wsa:ReferenceParameters></wst:ResourceCreated>"
            f'<rsp:Shell xmlns:rsp="{RSP}"><rsp:ShellId>{identity}</rsp:ShellId></rsp:Shell>'
        )
    elif action == "Command":
        node = envelope.find(".//rsp:CommandLine", NAMESPACES)
        assert node is not None
        pipeline = node.attrib["CommandId"]
        first = base64.b64decode(envelope.findtext(".//rsp:Arguments", namespaces=NAMESPACES) or "")
        made.asked.append(_commands(first))
        body = f'<rsp:CommandResponse xmlns:rsp="{RSP}"><rsp:CommandId>{pipeline}</rsp:CommandId></rsp:CommandResponse>'
    elif action == "Receive":
        stream = envelope.find(".//rsp:DesiredStream", NAMESPACES)
        assert stream is not None
        pipeline = stream.attrib.get("CommandId", "")
        if pipeline:
            data = _played(made, shell, pipeline)
        else:
            opened = RunspacePoolStateMessage(state=RunspacePoolState.OPENED)
            data = made.stream(shell, None, SessionCapability("2.3", "2.0", "1.1.0.1"), opened)
        named = f' CommandId="{pipeline}"' if pipeline else ""
        body = (
            f'<rsp:ReceiveResponse xmlns:rsp="{RSP}"><rsp:Stream Name="stdout"{named}>{data}</rsp:Stream>'
            "</rsp:ReceiveResponse>"
        )
    else:
        made.stopped += action == "Signal"
        body = f'<rsp:SignalResponse xmlns:rsp="{RSP}"/>' if action == "Signal" else ""
    relates = envelope.findtext(".//wsa:MessageID", namespaces=NAMESPACES) or f"uuid:{uuid.uuid4()}"
    return (
        f'<s:Envelope xmlns:s="{NAMESPACES["s"]}" xmlns:wsa="{NAMESPACES["wsa"]}"><s:Header>'
        f"<wsa:RelatesTo>{relates}</wsa:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _played(made: WinRm, shell: str, pipeline: str) -> str:
    objects: list[Any] = []
    try:
        for one in made.play(made.asked[-1]):
            output = PipelineOutput()
            output.data = one
            objects.append(output)
    except StillRuns:
        return ""
    return made.stream(shell, pipeline, *objects, PipelineState(state=PSInvocationState.COMPLETED))


def _certificate(folder: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "win1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "certificate.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem.decode()
