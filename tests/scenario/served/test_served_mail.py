"""Mail of a real server to a real server: a question, its answer, the end; and nothing lost when the plug is pulled."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from served import Caller, Served, Shop, serve, shop_in, until
from servers.certificates import certificate
from servers.mail import HANG_UP, MailServer, mail_server, text_of
from servers.sink import Got, Sink, sink

LOGIN = ("ops", "a pass word of the tests")
READER = "oncall@example.org"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[MailServer, Path]]:
    """A mail server that insists on STARTTLS and a log-in, and the certificate to trust."""
    trusted, context = certificate(tmp_path, "localhost")
    with mail_server(tls=context, login=LOGIN) as server:
        yield server, trusted


def by_mail(port: int, trusted: Path) -> dict[str, object]:
    return {
        "smtp_host": "localhost", "smtp_port": port, "smtp_username": LOGIN[0], "smtp_password": LOGIN[1],
        "mail_from": "OpsAgent <ops@example.org>", "default_email_recipients": READER, "ca_file": trusted,
    }  # fmt: skip


def asked(served: Served, folder: Path) -> tuple[Caller, Shop, str]:
    """A shop that is down, and the run that asks whether it may be mended."""
    admin = served.admin()
    admin.json_of("POST", "/api/v1/control/acting", {"on": True})
    shop = shop_in(folder, "shop")
    shop.register(admin)
    return admin, shop, shop.execute(admin)


def test_a_question_its_answer_and_the_end_are_mailed_and_stand_on_the_timeline(
    tmp_path: Path, mailbox: tuple[MailServer, Path]
) -> None:
    server, trusted = mailbox
    server.rcpt = ["451 greylisted, come back"]
    with serve(tmp_path / "data", public_url="https://ops.example.org", **by_mail(server.port, trusted)) as served:
        admin, _, run_id = asked(served, tmp_path)
        question = admin.question(run_id)
        until(lambda: server.got, "the question is mailed, the second time")
        assert admin.approve(question).status_code == 200
        admin.run_once(run_id)
        until(lambda: len(server.got) == 3, "the answer and the end are mailed")
        until(lambda: len(_told(admin, run_id)) == 3, "the timeline says so")
        delivered = _told(admin, run_id)
        doctor = served.cli("doctor")
        listed = served.cli("notices", "list", "--run", run_id)["notices"]
        sent = served.cli("channels", "test", "email")["notices"]
    question_mail, answer, end = sorted(server.got[:3], key=lambda mail: _order(mail["Subject"]))
    assert question_mail["Subject"].startswith("[medium] Approval needed: ")
    assert f"https://ops.example.org/runs/{run_id}" in text_of(question_mail)
    assert answer["In-Reply-To"] == question_mail["Message-ID"]
    assert "Approved" in answer["Subject"]
    assert "Done" in end["Subject"]
    assert all(f"Told by email, {READER}" in one["content"] for one in delivered)
    assert [one["status"] for one in listed] == ["delivered"] * 3
    assert sorted(one["attempts"] for one in listed) == [1, 1, 2]
    assert [(one["status"], one["address"]) for one in sent] == [("delivered", READER)]
    assert server.got[3]["Subject"] == "A test of OpsAgent"
    assert all(secure for _, _, secure in server.envelopes)
    checks = {one["name"]: one for one in doctor["checks"]}
    assert checks["channel email"]["means"].startswith("SMTP by localhost")
    assert checks[f"address default: email, {READER}"]["state"] == "ok"
    assert LOGIN[1] not in served.said()


def test_a_mail_whose_answer_was_lost_comes_once_more_and_says_so(
    tmp_path: Path, mailbox: tuple[MailServer, Path]
) -> None:
    server, trusted = mailbox
    server.data = [HANG_UP]
    with serve(tmp_path / "data", **by_mail(server.port, trusted)) as served:
        admin, _, run_id = asked(served, tmp_path)
        until(lambda: len(server.got) == 2, "it is mailed again")
        until(lambda: _told(admin, run_id), "the timeline says so")
        (line,) = _told(admin, run_id)
    first, second = server.got
    _is_marked_repeat(first, second)
    assert "may be a repeat" in line["content"]
    assert line["metadata"]["possibleRepeat"] == "true"


def test_a_server_killed_between_send_and_mark_mails_again_and_says_so(
    tmp_path: Path, mailbox: tuple[MailServer, Path]
) -> None:
    server, trusted = mailbox
    server.open.clear()
    folder = tmp_path / "data"
    with serve(folder, **by_mail(server.port, trusted)) as served:
        _, _, run_id = asked(served, tmp_path)
        _killed_before_mark(served, folder, lambda: bool(server.got))
    server.open.set()
    with serve(folder, **by_mail(server.port, trusted)) as served:
        until(lambda: len(server.got) == 2, "the mail comes again")
        until(lambda: _told(served.admin(), run_id), "the timeline says so")
        assert len(_told(served.admin(), run_id)) == 1
    _is_marked_repeat(*server.got)


def _is_marked_repeat(first: EmailMessage, second: EmailMessage) -> None:
    assert first["Message-ID"] == second["Message-ID"]
    assert second["Subject"] == f"[possible repeat] {first['Subject']}"


def _told(caller: Caller, run_id: str) -> list[dict[str, object]]:
    events = caller.get_json(f"/api/agent-ops/{run_id}/events", limit=1000)["events"]
    return [one for one in events if one["eventType"] == "notification" and one["node"] == "tell"]


def _order(subject: str) -> int:
    return next(place for place, word in enumerate(("Approval needed", "Approved", "Done")) if word in subject)


def _killed_before_mark(served: Served, folder: Path, sent: Callable[[], bool]) -> None:
    until(sent, "it is being sent")
    served.kill()
    with closing(sqlite3.connect(folder / "opsagent.db", timeout=30)) as store, store:
        assert store.execute("UPDATE notices SET due_at = 0 WHERE status = 'sending'").rowcount == 1


@pytest.fixture
def receiver() -> Iterator[Sink]:
    with sink() as made:
        yield made


def test_a_webhook_hears_500_429_and_a_hung_up_line_out_and_only_repeats_are_marked(
    tmp_path: Path, receiver: Sink
) -> None:
    receiver.statuses, receiver.retry_after = [429, 500, 0], "1"
    with serve(tmp_path / "data", allow_private_callbacks="true") as served:
        admin = served.admin()
        body = {"taskDescription": "tell me", "callbackUrl": receiver.url}
        run_id = admin.json_of("POST", "/api/v1/trigger/api", body, status=202)["runId"]
        until(lambda: len(receiver.got) == 4, "the fourth call")
        (line,) = until(lambda: _told(admin, run_id), "the timeline says so")
        listed = admin.get_json("/api/v1/notices", runId=run_id)["notices"]
    assert [_marked(got) for got in receiver.got] == [False, False, True, True], "a 429 was surely not taken"
    assert len({got.headers["idempotency-key"] for got in receiver.got}) == 1
    assert "Told by webhook, http://127.0.0.1" in str(line["content"])
    assert [(one["status"], one["attempts"], one["kind"]) for one in listed] == [("delivered", 4, "result")]


def test_a_webhook_of_a_server_killed_while_it_sends_is_called_again_and_told_so(
    tmp_path: Path, receiver: Sink
) -> None:
    receiver.open.clear()
    folder = tmp_path / "data"
    with serve(folder, allow_private_callbacks="true") as served:
        body = {"taskDescription": "tell me", "callbackUrl": receiver.url}
        served.admin().json_of("POST", "/api/v1/trigger/api", body, status=202)
        _killed_before_mark(served, folder, lambda: bool(receiver.got))
    receiver.open.set()
    with serve(folder, allow_private_callbacks="true"):
        until(lambda: len(receiver.got) == 2, "it is called again")
    assert [_marked(got) for got in receiver.got] == [False, True]
    assert receiver.got[0].body == receiver.got[1].body


def test_what_was_given_up_is_sent_again_by_a_person(tmp_path: Path, receiver: Sink) -> None:
    receiver.statuses = [404]
    with serve(tmp_path / "data", allow_private_callbacks="true") as served:
        admin = served.admin()
        body = {"taskDescription": "tell me", "callbackUrl": receiver.url}
        run_id = admin.json_of("POST", "/api/v1/trigger/api", body, status=202)["runId"]
        (line,) = until(lambda: _told(admin, run_id), "the timeline says that it was given up")
        assert "Given up after one try: It answered 404." in str(line["content"])
        (dead,) = served.cli("notices", "list", "--status", "dead")["notices"]
        (sent,) = served.cli("notices", "resend", dead["noticeId"])["notices"]
        assert (sent["status"], sent["possibleRepeat"]) == ("delivered", False)
    assert len(receiver.got) == 2


def _marked(got: Got) -> bool:
    return got.headers.get("x-opsagent-possible-repeat") == "true"
