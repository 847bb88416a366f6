"""Pages by mail, to a small SMTP server on loopback: TLS where it is offered, the spool where mail is dead."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from dcops.lab import keys
from dcops.runs.ports import Urgency
from dcops.runs.smtp import Letterhead, Relay, SmtpNotify
from dcops.runs.spool_notify import SpoolNotify

HEAD = Letterhead("dcops@drc.pmk.test", ("operator-1@pmk.test", "gone@pmk.test"), "twin, GLADI / REHEARSAL")


@dataclass
class Sink:
    """What the server took, whether over TLS, and how it behaves."""

    tls: ssl.SSLContext | None = None
    refused: frozenset[str] = frozenset()
    messages: list[EmailMessage] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)


class Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 and 3207 as smtplib speaks."""

    timeout = 10

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self) -> None:
        sink: Sink = self.server.sink  # type: ignore[attr-defined]
        is_tls, taken = False, 0
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split(":")[0].upper()
            if word.startswith("EHLO"):
                self.say("250-here\r\n250 STARTTLS" if sink.tls and not is_tls else "250 here")
            elif word == "STARTTLS" and sink.tls:
                self.say("220 go")
                try:
                    self.connection = sink.tls.wrap_socket(self.connection, server_side=True)
                except OSError:
                    return
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                is_tls = True
            elif word.startswith("RCPT"):
                address = line.partition("<")[2].partition(">")[0]
                taken += address not in sink.refused
                self.say("550 unknown" if address in sink.refused else "250 ok")
            elif word == "DATA":
                self.say("354 go")
                data = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    data += part
                sink.messages.append(message_from_bytes(data, policy=policy.default))  # type: ignore[arg-type]
                sink.over_tls.append(is_tls)
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


@pytest.fixture
def relay() -> Iterator[tuple[Sink, Relay]]:
    sink = Sink()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        server.sink = sink  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield sink, Relay("127.0.0.1", server.server_address[1])
        server.shutdown()


def notify(relay: Relay, folder: Path) -> SmtpNotify:
    return SmtpNotify(relay, HEAD, SpoolNotify(folder), folder)


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS under an authority of its own, and that authority's certificate."""
    keys.ensure_authority(folder, f"{name}-ca", f"{name} of this test")
    keys.ensure_certificate(folder, name, f"{name}-ca", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    return context, folder / f"{name}-ca.crt"


def test_a_page_arrives_and_nothing_is_kept(relay: tuple[Sink, Relay], tmp_path: Path) -> None:
    sink, where = relay
    notify(where, tmp_path / "spool").send(Urgency.PAGE, "the rollback\nis incomplete", "run 01A: power-site. Cari.")
    (message,) = sink.messages
    assert message["Subject"] == "[twin, GLADI / REHEARSAL] page: the rollback is incomplete"
    assert (message["From"], message["To"]) == (HEAD.sender, "operator-1@pmk.test, gone@pmk.test")
    assert message["Importance"] == "high"
    assert message.get_content().strip() == "run 01A: power-site. Cari."
    assert not list(tmp_path.glob("spool/*"))


def test_tls_is_used_where_it_is_offered_and_verified(relay: tuple[Sink, Relay], tmp_path: Path) -> None:
    sink, where = relay
    sink.tls, authority = certified(tmp_path, "mail")
    notify(Relay(where.address, where.port, authority), tmp_path / "spool").send(Urgency.NOTICE, "s", "b")
    assert sink.over_tls == [True]
    assert sink.messages[0]["X-Dcops-Transport"] is None
    assert sink.messages[0]["Importance"] is None


def test_a_page_goes_out_without_tls_when_tls_fails_and_says_so(
    relay: tuple[Sink, Relay], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink, where = relay
    sink.tls, _ = certified(tmp_path, "mail")
    _, other = certified(tmp_path, "other")
    notify(Relay(where.address, where.port, other), tmp_path / "spool").send(Urgency.PAGE, "s", "b")
    assert sink.over_tls == [False]
    assert sink.messages[0]["X-Dcops-Transport"] == "clear: TLS failed"
    assert "sent without" in capsys.readouterr().err


def test_one_recipient_that_is_refused_does_not_stop_the_others(
    relay: tuple[Sink, Relay], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink, where = relay
    sink.refused = frozenset({"gone@pmk.test"})
    notify(where, tmp_path / "spool").send(Urgency.PAGE, "s", "b")
    assert len(sink.messages) == 1
    assert "refuses mail for gone@pmk.test" in capsys.readouterr().err


@pytest.mark.parametrize("is_refusing", [True, False])
def test_dead_mail_is_spooled_and_sent_with_the_next_message(
    relay: tuple[Sink, Relay], tmp_path: Path, is_refusing: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sink, where = relay
    dead = where if is_refusing else Relay(where.address, 9)
    sink.refused = frozenset(HEAD.recipients)
    notify(dead, tmp_path / "spool").send(Urgency.PAGE, "first", "body one")
    (kept,) = (tmp_path / "spool").glob("*.json")
    assert json.loads(kept.read_text())["subject"] == "first"
    assert "page: first: body one" in capsys.readouterr().err
    sink.refused = frozenset()
    notify(where, tmp_path / "spool").send(Urgency.NOTICE, "second", "body two")
    assert [message["Subject"].partition("] ")[2] for message in sink.messages] == [
        "notice: second",
        "page: late: first",
    ]
    assert "could not be sent when it happened" in sink.messages[1].get_content()
    assert not list((tmp_path / "spool").glob("*.json"))


def test_nothing_is_raised_when_neither_mail_nor_disk_works(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    notify(Relay("127.0.0.1", 9), tmp_path / "spool").send(Urgency.PAGE, "s", "b")
