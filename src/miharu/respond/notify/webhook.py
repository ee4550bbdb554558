"""A delivery → an HTTP POST of JSON, signed so that the receiver can tell who sent it and that it is whole.

The signature is the HMAC-SHA256 (RFC 2104) of `<timestamp>.<body>`; the timestamp (seconds since 1970) lets the
receiver refuse what somebody recorded and sends again. Redirects are not followed: the body goes to the address that
was configured and nowhere else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
import ssl
import threading
from contextlib import closing, suppress
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import SplitResult, urlsplit

import orjson

from miharu.core.clock import Clock, system_clock
from miharu.respond.notify.message import DeliveryError, Message, one_line, words, worst_first
from miharu.respond.notify.target import Target
from miharu.store import Delivery

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, 5.6.2)."""
_OURS: Final = {"content-type", "content-length", "host", "transfer-encoding", "connection"}
_OK, _REDIRECT, _REFUSED, _BROKEN = 200, 300, 400, 500
_TRY_AGAIN: Final = {408, 425, 429}
_LONGEST_PAUSE: Final = timedelta(hours=1)
_ANSWER_BYTES: Final = 2_000
_WHOLE: Final = 3
"""The whole exchange may take this many times the time that one step of it may take."""


class Webhook:
    """Posts JSON to one address."""

    def __init__(self, target: Target, clock: Clock = system_clock) -> None:
        self._target = target
        self._clock = clock

    @staticmethod
    def check(target: Target) -> tuple[str, str] | None:
        """Return the key and the fault of a target that cannot be one of this kind."""
        if fault := _address_fault(target.url):
            return "url", fault
        for name, value in target.headers.items():
            if not _TOKEN.fullmatch(name) or name.lower() in _OURS or name.lower().startswith("x-miharu-"):
                return "headers", f"{name!r} is no header that can be given"
            if not value.isprintable() or not value.isascii():
                return "headers", f"the value of {name!r} is not printable ASCII"
        return None

    def render(self, delivery: Delivery) -> Message:
        """Make the JSON text; `notices` holds every alert, `title` and `text` say the same in words."""
        said = words(delivery)
        body = {
            "version": 1,
            "delivery": delivery.id,
            "target": delivery.target,
            "title": said.title,
            "text": said.text,
            "notices": worst_first(delivery),
        }
        return Message(delivery.id, said.level, said.title, orjson.dumps(body).decode())

    def send(self, message: Message) -> None:
        """Post it. 2xx is success; other 4xx than 408, 425 and 429 are permanent; everything else may pass."""
        body = message.text.encode()
        try:
            status, after, answer = self._post(body, self._headers(message.delivery, body))
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(f"its certificate is not trusted: {error.verify_message}") from error
        except TimeoutError as error:
            raise DeliveryError("it did not answer in time") from error
        except (OSError, HTTPException, ValueError) as error:
            raise DeliveryError(one_line(f"it cannot be reached: {error or type(error).__name__}")) from error
        if _OK <= status < _REDIRECT:
            return
        moved = "; it redirects elsewhere, which is not followed" if status < _REFUSED else ""
        text = one_line(f"it answered {status}{moved}{f': {answer}' if answer else ''}")
        permanent = _REFUSED <= status < _BROKEN and status not in _TRY_AGAIN
        raise DeliveryError(text, permanent=permanent, retry_after=self._seconds(after))

    def _headers(self, delivery: str, body: bytes) -> dict[str, str]:
        stamp = str(int(self._clock().timestamp()))
        headers = {
            **self._target.headers,
            "Content-Type": "application/json",
            "Connection": "close",
            "X-Miharu-Delivery": delivery,
            "X-Miharu-Timestamp": stamp,
        }
        if not any(name.lower() == "user-agent" for name in headers):
            headers["User-Agent"] = "miharu"
        if self._target.secret:
            digest = hmac.new(self._target.secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
            headers["X-Miharu-Signature"] = f"v1={digest.hexdigest()}"
        return headers

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str, str]:
        place = urlsplit(self._target.url)
        seconds = self._target.timeout.total_seconds()
        with closing(_connection(place, seconds)) as connection:
            connection.connect()
            # Each step has its timeout; a receiver that sends a byte now and then must not hold us for ever.
            late = threading.Event()
            guard = threading.Timer(_WHOLE * seconds, _break_off, [connection.sock, late])
            guard.daemon = True
            guard.start()
            try:
                path = (place.path or "/") + (f"?{place.query}" if place.query else "")
                connection.request("POST", path, body, headers)
                with connection.getresponse() as response:
                    answer = response.status, response.headers.get("Retry-After", ""), _excerpt(response)
            finally:
                guard.cancel()
                guard.join()
            if late.is_set():  # what was cut off reads like headers that end early
                raise TimeoutError
            return answer

    def _seconds(self, after: str) -> float | None:
        """Read Retry-After (RFC 9110, 10.2.3), a number of seconds or a date; None where it says neither."""
        longest = _LONGEST_PAUSE.total_seconds()
        if after.isascii() and after.isdecimal():
            return min(float(after), longest)
        try:
            moment = parsedate_to_datetime(after)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, min((aware - self._clock()).total_seconds(), longest))


def _connection(place: SplitResult, seconds: float) -> HTTPConnection:
    host = place.hostname or ""
    if place.scheme == "https":
        return HTTPSConnection(host, place.port, timeout=seconds, context=ssl.create_default_context())
    return HTTPConnection(host, place.port, timeout=seconds)


def _break_off(connected: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        # Not the method of an SSL socket: that would take the session from under the thread that reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _excerpt(response: HTTPResponse) -> str:
    """Return how an answer begins, if it is text that may say why something was refused."""
    if response.status < _REFUSED or not response.headers.get_content_type().startswith(("text/plain", "app")):
        return ""
    return one_line(response.read(_ANSWER_BYTES).decode("utf-8", "replace"))


def _address_fault(url: str) -> str:
    try:
        place = urlsplit(url)
        host, port = place.hostname, place.port
        if host:
            host.encode("idna")
    except ValueError:
        return "is no address; write https://host/path"
    if place.scheme not in {"http", "https"} or not host or port == 0:
        return "is no address; write https://host/path"
    if place.username is not None or place.password is not None:
        return "must not hold a user or a password; give an Authorization header in `headers`"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "holds characters that must be percent-encoded"
    return ""
