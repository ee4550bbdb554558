"""Settings → the API on its address, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from typing import Final

import structlog
import uvicorn

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.pipeline import write_vitals
from miharu.serve.api.app import make_api, services_of
from miharu.serve.api.routes_system import own_vitals
from miharu.serve.api.services import Services

_VITALS_SECONDS: Final = 1.0
_LAST_REQUESTS_SECONDS: Final = 5
_GIVE_UP_AFTER: Final = 0.7
"""Part of that time after which a question is answered with an error, which needs a moment, too."""
_BACKLOG: Final = 512
_LAST_PORT: Final = 65_535

_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Answer until SIGTERM or SIGINT, or until stdin ends. Raises OperatorError where the address cannot be had."""
    # The server's own handlers come on top while it runs; at its end it raises the signal again, for these.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    listener = listen(settings.api_address)
    app = make_api(settings)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who asks is who is at the other end: whether a request is local must not be for its sender to say.
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
    )
    services = services_of(app)
    server = Server(config, services)
    with listener, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(server, listener, services))
    if services.access.running:
        # A query that the engine still works on would hold the process up; there is nothing left to write.
        sys.stderr.flush()
        os._exit(0)


class Server(uvicorn.Server):
    """Ends what would never end by itself before it waits for the requests under way."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End open streams, then everything else; a question that takes too long is given up."""
        self._services.feed.end()
        giving_up = asyncio.get_running_loop().call_later(
            _LAST_REQUESTS_SECONDS * _GIVE_UP_AFTER, self._services.access.give_up
        )
        await super().shutdown(sockets)
        giving_up.cancel()


def listen(address: str) -> socket.socket:
    """Return a listening socket for `host:port` (`[host]:port` for IPv6). Raises OperatorError."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        message = f"api_address is {address!r}; write host:port, such as 127.0.0.1:8600"
        raise OperatorError(message)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except OSError as error:
        message = f"the API cannot listen on {address}: {error}; set api_address to one that is free"
        raise OperatorError(message) from error


def address_of(listener: socket.socket) -> str:
    """Return the address a socket is bound to, as settings write it."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _serve(server: Server, listener: socket.socket, services: Services) -> None:
    data, address = services.settings.data, address_of(listener)
    await asyncio.to_thread(write_vitals, data, replace(own_vitals(services, address), state="starting"))
    threading.Thread(target=_watch_stdin, args=(server,), name="miharu-supervisor-gone", daemon=True).start()
    beat = asyncio.create_task(_beat(server, services, address))
    try:
        await server.serve(sockets=[listener])
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
        write_vitals(data, replace(own_vitals(services, address), state="stopped"))


async def _beat(server: Server, services: Services, address: str) -> None:
    told = False
    while True:
        if server.started:
            if not told:
                _log.info("the API answers", action="started", address=address)
                told = True
            await asyncio.to_thread(write_vitals, services.settings.data, own_vitals(services, address))
        await asyncio.sleep(_VITALS_SECONDS if told else _VITALS_SECONDS / 50)


def _watch_stdin(server: Server) -> None:
    # Not through `sys.stdin`: its lock would be held at the end of the process.
    try:
        while os.read(0, 65_536):
            pass
    except OSError:
        _log.warning("stdin cannot be read", action="stdin-lost")
    server.should_exit = True
