"""What a webhook sends can be checked by its receiver; what it is answered decides whether it is tried again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from miharu.respond import NOTIFIERS, DeliveryError, Target, deliver, trial_delivery
from miharu.respond.notify.webhook import Webhook
from tests.unit.respond.notify_receiver import SECRET, START, Answer, Receiver, delivery, signature, target


def refusal(to: Target) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        Webhook(to, lambda: START).send(Webhook(to).render(delivery(1)))
    return caught.value


def test_the_receiver_can_check_who_sent_it_and_when():
    with Receiver() as receiver:
        to = target(receiver.url, secret=SECRET, headers={"Authorization": "Bearer t0ken"})
        Webhook(to, lambda: START).send(Webhook(to).render(delivery(1, 2)))
        [request] = receiver.requests
    assert request.path == "/hook?team=blue"
    assert request.headers["x-miharu-signature"] == signature(SECRET, request)
    assert signature("another secret", request) != signature(SECRET, request)
    assert request.headers["x-miharu-timestamp"] == str(int(START.timestamp()))
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.delivery == request.json["delivery"] == "d" * 32
    assert request.json["version"] == 1
    assert sorted(request.alerts) == [f"{number:032x}" for number in (1, 2)]
    first = request.json["notices"][0]
    assert first["kind"] == "opened"
    assert first["alert"]["first"] == "2026-05-01T12:00:00.000000Z"


def test_without_a_secret_nothing_is_signed():
    with Receiver() as receiver:
        deliver(target(receiver.url), trial_delivery("ops", START))
        [request] = receiver.requests
    assert "x-miharu-signature" not in request.headers
    assert request.json["notices"][0]["kind"] == "test"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_2xx_is_success(status: int):
    with Receiver([Answer(status)]) as receiver:
        deliver(target(receiver.url), delivery(1))


PERMANENT = {400, 401, 404, 410, 422}


@pytest.mark.parametrize("status", [*sorted(PERMANENT), 302, 307, 408, 425, 429, 500, 502, 503])
def test_what_is_refused_for_good_and_what_may_pass(status: int):
    answer = Answer(status, (("Content-Type", "text/plain"),), b"no\nroom\x1b[31m")
    with Receiver([answer]) as receiver:
        error = refusal(target(receiver.url))
    assert error.permanent == (status in PERMANENT)
    assert f"it answered {status}" in error.text
    assert error.text.isprintable()
    assert ("no room" in error.text) == (status >= 400)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999", 3600.0),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("-1", None),
    ],
)
def test_retry_after_is_read(after: str, seconds: float | None):
    with Receiver([Answer(503, (("Retry-After", after),))]) as receiver:
        assert refusal(target(receiver.url)).retry_after == seconds


def test_a_redirect_is_not_followed():
    with Receiver() as elsewhere, Receiver([Answer(307, (("Location", elsewhere.url),))]) as receiver:
        error = refusal(target(receiver.url))
        assert elsewhere.requests == []
    assert "not followed" in error.text
    assert not error.permanent


def test_nobody_there_may_pass():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    error = refusal(target(f"http://127.0.0.1:{port}/"))
    assert "cannot be reached" in error.text
    assert not error.permanent


def test_one_who_never_answers_is_left():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refusal(target(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_seconds=0.2))
    assert "did not answer in time" in error.text
    assert not error.permanent


def test_one_who_answers_a_byte_at_a_time_is_left():
    gone = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not gone.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    gone.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        error = refusal(target(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_seconds=0.3))
        assert "did not answer in time" in error.text
        assert not error.permanent
        assert gone.wait(30), "the connection is closed, too"
        thread.join()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_is_not_trusted_is_refused_before_anything_is_sent(tmp_path: Path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*make, "-keyout", key, "-out", certificate, *subject], check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    with Receiver(certificate=both) as receiver:
        error = refusal(target(f"https://127.0.0.1:{receiver.port}/"))
        assert receiver.requests == []
    assert "its certificate is not trusted" in error.text


def test_every_kind_has_its_class():
    assert NOTIFIERS["webhook"] is Webhook
