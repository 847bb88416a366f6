"""Telling people by mail: the Notify port over SMTP, and the spool where mail is dead.

A page is worth more read by a stranger than not sent at all, and it holds no secret: so TLS is used where the relay
offers it, verified, and when that fails the message goes out without, and says so. What cannot be sent lies in the
spool and goes out with the next message that can.
"""

import contextlib
import json
import smtplib
import ssl
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, make_msgid
from pathlib import Path

from dcops.core.clock import utc_now
from dcops.runs.ports import Notify, Urgency

TIMEOUT_SECONDS = 5.0
_MOST_AT_ONCE = 20
_PROBLEMS = (OSError, smtplib.SMTPException, ValueError)  # an ssl.SSLError is an OSError


@dataclass(frozen=True)
class Relay:
    """Who takes mail from us: address and port; `ca` signs its certificate, None trusts what the system does."""

    address: str
    port: int = 25
    ca: Path | None = None


@dataclass(frozen=True)
class Letterhead:
    """What stands on each message: from whom, to whom, and a word on what kind of place it comes from."""

    sender: str
    recipients: tuple[str, ...]
    place: str


class SmtpNotify:
    """Hands each message to a relay; what it does not take goes to `spool`, which keeps it in `folder`."""

    def __init__(self, relay: Relay, letterhead: Letterhead, spool: Notify, folder: Path) -> None:
        self._relay, self._head, self._spool, self._folder = relay, letterhead, spool, folder

    def send(self, urgency: Urgency, subject: str, body: str) -> None:
        """Tell it by mail, else by the spool. Never raises."""
        try:
            self._deliver([self._message(urgency.value, subject, body)])
        except _PROBLEMS as error:
            _say(f"no mail to {self._relay.address}: {_one_line(str(error) or type(error).__name__)}")
            self._spool.send(urgency, subject, body)
            return
        _say(f"{urgency.value}: {_one_line(subject)}: mailed to {', '.join(self._head.recipients)}")
        self._send_waiting()

    def _send_waiting(self) -> None:
        """Send what was kept while mail was dead, oldest first; what fails stays and does not hold up the others."""
        for path in sorted(self._folder.glob("*.json"))[:_MOST_AT_ONCE]:
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                text = f"This could not be sent when it happened, at {kept['at']}.\n\n{kept['body']}"
                self._deliver([self._message(str(kept["urgency"]), f"late: {kept['subject']}", text)])
                path.unlink()
            except (ValueError, KeyError, TypeError, smtplib.SMTPResponseException) as error:
                _say(f"{path.name} cannot be sent and stays: {_one_line(str(error))}")
            except _PROBLEMS as error:
                _say(f"kept messages wait on: {_one_line(str(error))}")
                return

    def _message(self, urgency: str, subject: str, body: str) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._head.sender
        message["To"] = ", ".join(self._head.recipients)
        message["Subject"] = _one_line(f"[{self._head.place}] {urgency}: {subject}")
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = make_msgid(domain=self._head.sender.partition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        if urgency == Urgency.PAGE.value:
            message["Importance"] = "high"
        message.set_content(f"{body}\n")
        return message

    def _deliver(self, messages: Sequence[EmailMessage]) -> None:
        """Send messages to at least one recipient each; without TLS when TLS fails. Raises one of _PROBLEMS."""
        try:
            with self._session(is_clear=False) as smtp:
                self._hand_over(smtp, messages)
        except ssl.SSLError as error:
            _say(f"TLS with {self._relay.address} failed, sent without: {_one_line(str(error))}")
            for message in messages:
                message["X-Dcops-Transport"] = "clear: TLS failed"
            with self._session(is_clear=True) as smtp:
                self._hand_over(smtp, messages)

    def _hand_over(self, smtp: smtplib.SMTP, messages: Sequence[EmailMessage]) -> None:
        for message in messages:
            refused = smtp.send_message(message, self._head.sender, list(self._head.recipients))
            if refused:
                _say(f"{self._relay.address} refuses mail for {', '.join(sorted(refused))}")

    @contextlib.contextmanager
    def _session(self, *, is_clear: bool) -> Iterator[smtplib.SMTP]:
        """Open a session; our name is given, because finding it out asks a name server that may be dead as well."""
        domain = self._head.sender.partition("@")[2]
        smtp = smtplib.SMTP(self._relay.address, self._relay.port, domain, TIMEOUT_SECONDS)
        try:
            smtp.ehlo()
            if not is_clear and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context(cafile=self._relay.ca))
            yield smtp
        finally:
            with contextlib.suppress(*_PROBLEMS):
                smtp.quit()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(text: str) -> None:
    print(f"dcops: {text}", file=sys.stderr, flush=True)
