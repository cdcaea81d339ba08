"""Mail by SMTP, against a real server: encrypted, logged in, and sure of what was taken."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opsagent.adapters.notify.mailbox import Mailbox
from opsagent.adapters.notify.smtp import Security, SmtpChannel, SmtpConfig
from opsagent.adapters.notify.wording import Wording
from opsagent.domain.message import MessageKind
from servers.certificates import certificate
from servers.loopback import free_port
from servers.mail import HANG_UP, MailServer, html_of, mail_server, text_of

LOGIN = ("ops", "a pass word")
SENDER = Mailbox("ops@example.org", "OpsAgent")


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("ca"), "localhost")


@pytest.fixture
def server(trusted: tuple[Path, ssl.SSLContext]) -> Iterator[MailServer]:
    """It insists on STARTTLS and a log-in."""
    with mail_server(tls=trusted[1], login=LOGIN) as made:
        yield made


@pytest.fixture
def config(server: MailServer, trusted: tuple[Path, ssl.SSLContext]) -> SmtpConfig:
    return SmtpConfig(
        host="localhost", port=server.port, sender=SENDER, username=LOGIN[0], password=LOGIN[1], ca_file=trusted[0]
    )


async def test_a_question_arrives_encrypted_as_text_and_html(config, server, clock, notice) -> None:
    delivery = await SmtpChannel(config, Wording(), clock).send(notice())
    assert delivery.delivered, delivery.error
    (mail,) = server.got
    assert server.envelopes == [("ops@example.org", ["ada@example.org"], True)]
    assert (mail["From"], mail["To"]) == ("OpsAgent <ops@example.org>", "ada@example.org")
    assert mail["Subject"] == "[high] Approval needed: The shop is down"
    assert (mail["Auto-Submitted"], mail["Message-ID"]) == ("auto-generated", delivery.receipt)
    assert "    systemctl restart shop\n" in text_of(mail)
    assert "https://ops.example.org/runs/run-1" in text_of(mail)
    assert '<a href="https://ops.example.org/runs/run-1">' in html_of(mail)
    assert "repeat" not in mail["Subject"]


async def test_a_repeat_has_the_same_id_and_says_so_and_the_answer_follows_in_the_thread(
    config, server, clock, notice, message
) -> None:
    channel = SmtpChannel(config, Wording(), clock)
    await channel.send(notice())
    await channel.send(notice(possible_repeat=True))
    answer = notice(message(MessageKind.ANSWERED), id="run-1:answered:q1:email:0f", follows=notice().id)
    assert (await channel.send(answer)).delivered
    first, repeat, answered = server.got
    assert first["Message-ID"] == repeat["Message-ID"] != answered["Message-ID"]
    assert repeat["Subject"].startswith("[possible repeat] ")
    assert "This may be a repeat" in text_of(repeat)
    assert answered["In-Reply-To"] == first["Message-ID"]
    assert first["References"] in answered["References"]


@pytest.mark.parametrize(
    ("rcpt", "data", "permanent", "uncertain", "words"),
    [
        (["550 nobody of that name"], [], True, False, "nobody of that name"),
        (["451 come back later"], [], False, False, "451 come back later"),
        ([], ["552 too much"], True, False, "too much"),
        ([], ["452 no room"], False, False, "no room"),
        ([], [HANG_UP], False, True, "did not say so"),
    ],
)
async def test_what_an_answer_means(
    config, server, clock, notice, rcpt: list[str], data: list[str], permanent: bool, uncertain: bool, words: str
) -> None:
    server.rcpt, server.data = rcpt, data
    delivery = await SmtpChannel(config, Wording(), clock).send(notice())
    assert (delivery.delivered, delivery.permanent, delivery.uncertain) == (False, permanent, uncertain)
    assert words in delivery.error
    assert len(server.got) == uncertain


async def test_a_wrong_password_is_mended_by_people_and_never_told(config, server, clock, notice) -> None:
    wrong = replace(config, password="not the pass word")
    delivery = await SmtpChannel(wrong, Wording(), clock).send(notice())
    assert (delivery.delivered, delivery.permanent) == (False, False)
    assert "refuses the log-in" in delivery.error
    assert "not the pass word" not in delivery.error + repr(wrong)
    assert not server.got


async def test_a_certificate_nobody_vouches_for_is_refused(config, server, clock, notice) -> None:
    delivery = await SmtpChannel(replace(config, ca_file=None), Wording(), clock).send(notice())
    assert "is not trusted" in delivery.error
    assert not server.got


async def test_a_certificate_for_another_name_is_refused(config, server, clock, notice) -> None:
    delivery = await SmtpChannel(replace(config, host="127.0.0.1"), Wording(), clock).send(notice())
    assert not delivery.delivered
    assert not server.got


async def test_a_server_without_starttls_gets_no_password_and_no_mail(clock, notice) -> None:
    with mail_server() as bare:
        config = SmtpConfig(host="localhost", port=bare.port, sender=SENDER, username="ops", password="x")
        delivery = await SmtpChannel(config, Wording(), clock).send(notice())
        assert not delivery.delivered
        assert "STARTTLS" in delivery.error
        plain = replace(config, security=Security.PLAIN, username="", password="")
        assert (await SmtpChannel(plain, Wording(), clock).send(notice())).delivered
        assert bare.envelopes == [("ops@example.org", ["ada@example.org"], False)]


async def test_tls_from_the_first_byte(trusted, clock, notice) -> None:
    with mail_server(tls=trusted[1], from_the_start=True) as server:
        config = SmtpConfig(
            host="localhost", port=server.port, sender=SENDER, security=Security.TLS, ca_file=trusted[0]
        )
        delivery = await SmtpChannel(config, Wording(), clock).send(notice())
        assert delivery.delivered, delivery.error
        assert len(server.got) == 1


async def test_a_server_that_is_down_is_tried_again(clock, notice) -> None:
    config = SmtpConfig(host="127.0.0.1", port=free_port(), sender=SENDER)
    delivery = await SmtpChannel(config, Wording(), clock).send(notice())
    assert (delivery.delivered, delivery.permanent, delivery.uncertain) == (False, False, False)
    assert str(config.port) in delivery.error


@pytest.mark.parametrize("address", ["nobody", "a@b, c@d", "a@b\nBcc: c@d", "", "a@b>\r\nRCPT TO:<c@d"])
async def test_what_is_no_address_is_final(config, server, clock, notice, address: str) -> None:
    channel = SmtpChannel(config, Wording(), clock)
    delivery = await channel.send(notice(address=address))
    assert (delivery.delivered, delivery.permanent) == (False, True)
    assert await channel.check(address)
    assert not server.got


async def test_what_is_no_message_is_final(config, clock, notice) -> None:
    delivery = await SmtpChannel(config, Wording(), clock).send(notice(body='{"runId": "x"}'))
    assert (delivery.delivered, delivery.permanent) == (False, True)


@pytest.mark.parametrize(
    "title", ["x\r\nBcc: eve@example.org", "x\nContent-Type: text/html", "x\x0bBcc: a@b", "\u2028Bcc: a@b"]
)
async def test_no_title_becomes_a_header(config, server, clock, notice, message, title: str) -> None:
    assert (await SmtpChannel(config, Wording(), clock).send(notice(message(title=title)))).delivered
    (mail,) = server.got
    assert mail["Bcc"] is None
    assert mail["Content-Type"].startswith("multipart/alternative")
    assert server.envelopes[0][1] == ["ada@example.org"]


async def test_a_check_sends_nothing_and_finds_what_is_wrong(config, server, clock) -> None:
    channel = SmtpChannel(config, Wording(), clock)
    assert await channel.check("ada@example.org") == ""
    server.rcpt = ["550 nobody of that name"]
    assert "nobody of that name" in await channel.check("eve@example.org")
    assert not server.got
    assert channel.about == f"SMTP by localhost:{server.port} (STARTTLS), from ops@example.org"
