"""`host:port` as settings write it → where to listen."""

from __future__ import annotations

import socket
from typing import Final

from miharu.core.errors import OperatorError

_BACKLOG: Final = 1024
_PORTS: Final = 65_536


def split_address(setting: str, text: str) -> tuple[str, int]:
    """Return host and port; an IPv6 address stands in brackets. Raises OperatorError naming the setting."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) >= _PORTS or not host:
        message = f"setting {setting!r} is {text!r}; write host:port, such as 127.0.0.1:8601 or [::1]:8601"
        raise OperatorError(message)
    return host.removeprefix("[").removesuffix("]"), int(port)


def bound_address(setting: str, text: str) -> socket.socket:
    """Return a listening TCP socket. Raises OperatorError where the address is taken or not ours."""
    host, port = split_address(setting, text)
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        message = f"setting {setting!r}: {text} is no address here ({error.strerror or error})"
        raise OperatorError(message) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {text} ({error.strerror or error}); free the address or set another {setting}"
        raise OperatorError(message) from error
    return listener
