"""Every kind of receiver keeps the contract: one message per delivery, the same for the same, no surprises in it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import pytest

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.respond import NOTIFIERS, DeliveryError, Message, Target, alert_context, deliver, load_targets
from miharu.store import Delivery
from tests.unit.respond.notify_receiver import START, Answer, Receiver, alert, delivery, target

Address = Callable[[int], str]

ADDRESSES: Final[dict[str, Address]] = {
    "webhook": lambda port: f"http://127.0.0.1:{port}/a",
    "apprise": lambda port: f"json://127.0.0.1:{port}/a",
}
"""For each kind, an address of that kind at a port of this machine."""


def make(kind: str, port: int = 9) -> Target:
    return target(ADDRESSES[kind](port), kind=kind)


def rendered(kind: str, what: Delivery) -> Message:
    return NOTIFIERS[kind](make(kind)).render(what)


def test_every_kind_is_held_to_the_contract():
    assert ADDRESSES.keys() == NOTIFIERS.keys()


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_a_delivery_is_one_request_that_names_it(kind: str):
    with Receiver() as receiver:
        deliver(make(kind, receiver.port), delivery(1, 2, 3))
    [request] = receiver.requests
    text = request.body.decode()
    assert "d" * 32 in text
    assert all(f"{number:032x}"[:8] in text for number in (1, 2, 3))


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_the_same_delivery_gives_the_same_message_in_any_order(kind: str):
    one = rendered(kind, delivery(1, 2, 3))
    assert one == rendered(kind, delivery(3, 1, 2))
    assert one != rendered(kind, delivery(1, 2))
    assert one.level == "high"


@pytest.mark.parametrize("kind", NOTIFIERS)
@pytest.mark.parametrize("kind_of_notice", ["opened", "raised:critical", "test"])
def test_a_title_is_one_short_line_whatever_the_log_said(kind: str, kind_of_notice: str):
    hostile = alert(1, entity='{"user.name":"a\\r\\nBcc: b@example.com\\u202e\\u0000' + "x" * 5000 + '"}')
    body = alert_context(hostile, kind_of_notice)
    message = rendered(kind, Delivery("d" * 32, "ops", (body,), 1, START))
    assert message.title.isprintable()
    assert 0 < len(message.title) <= 200
    assert len(message.text) < 8_000


@pytest.mark.parametrize("kind", NOTIFIERS)
@pytest.mark.parametrize("status", [500, 503])
def test_what_the_receiver_cannot_take_now_may_pass(kind: str, status: int, capfd):
    with Receiver([Answer(status)]) as receiver:
        to = make(kind, receiver.port)
        with pytest.raises(DeliveryError) as caught:
            deliver(to, delivery(1))
        assert len(receiver.requests) == 1
        assert not caught.value.permanent
        assert caught.value.text.isprintable()
        deliver(to, delivery(1))
        assert len(receiver.requests) == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_nobody_there_may_pass(kind: str, capfd):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(DeliveryError) as caught:
        deliver(make(kind, port), delivery(1))
    assert not caught.value.permanent
    assert caught.value.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", NOTIFIERS)
def test_an_address_of_no_kind_is_refused_when_it_is_loaded(kind: str):
    entry = {"name": "ops", "kind": kind, "url": "nowhere"}
    with pytest.raises(OperatorError, match=r"notify entry 1 .ops.: url: is no address"):
        load_targets(Settings(notify=(entry,)))
