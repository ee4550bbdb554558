"""Where every request over HTTP is taken: who sends it, its body, whether it came before; then to the gate.

Request → a receipt once its records are durable, or a refusal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeAlias, TypeVar

import numpy as np
from starlette.requests import Request

from miharu.core.clock import Clock, system_clock
from miharu.core.frame import Frame
from miharu.sources.intake.bodies import HttpLimits, Room, Share, decompress, read_body
from miharu.sources.intake.counts import SenderCount, SenderCounts, plain_address
from miharu.sources.intake.documents import Batch
from miharu.sources.intake.gate import Gate, IntakeFullError
from miharu.sources.intake.refusal import Refusal
from miharu.sources.intake.repeats import Repeats, digest_of
from miharu.sources.intake.repeats import Request as Known
from miharu.sources.intake.tokens import token_of

Admit: TypeAlias = Callable[[str], str | None]
"""A token → its name; None where it is unknown. A request without a token asks with an empty text."""

Cut: TypeAlias = Callable[[bytes], Batch]

_ASIDE_BYTES = 1 << 20
"""Longer bodies are worked on in a thread of their own, so that the loop goes on."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was taken: its records and the key they are named by; `repeated` if that was done before."""

    batch: Batch
    key: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One request on its way."""

    channel: str
    sender: str
    digest: str
    raw: bytes
    encodings: str
    cut: Cut
    share: Share
    count: SenderCount


class Desk:
    """Takes the requests of one server."""

    def __init__(
        self,
        gate: Gate,
        admit: Admit,
        limits: HttpLimits,
        counts: SenderCounts,
        repeats: Repeats,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self.gate, self.limits = gate, limits
        self._admit, self._counts, self._repeats, self._clock = admit, counts, repeats, clock
        # One request holds its body as it came and, at most as long again, what that is decompressed to.
        self._room = Room(max(limits.memory, 2 * limits.body))

    def admitted(self, request: Request, channel: str) -> str:
        """Return the name of the token that the request carries, or refuse it."""
        try:
            return self._name_of(token_of(request.headers.get("authorization")))
        except Refusal:
            self._refused(request, channel)
            raise

    async def small_body(self, request: Request, channel: str, limit: int) -> bytes:
        """Return the body of a request that brings no records."""
        try:
            with self._room.share() as share:
                return await read_body(request, limit, self.limits.seconds, share)
        except Refusal:
            self._refused(request, channel)
            raise

    async def take(self, request: Request, channel: str, cut: Cut) -> Receipt:
        """Take the records that `cut` finds in the body; return when they are durable.

        Raises `Refusal`: nothing of the request is kept then.
        """
        name = self.admitted(request, channel)
        try:
            self._check_crowd()
            with self._room.share() as share:
                limits = self.limits
                raw = await read_body(request, limits.body, limits.seconds, share)
                sender = _sender_of(request)
                path = request.url.path + "?" + request.url.query
                parcel = _Parcel(
                    channel=channel,
                    sender=sender,
                    digest=await _aside(len(raw), digest_of, channel, name, sender, path, raw),
                    raw=raw,
                    encodings=request.headers.get("content-encoding", ""),
                    cut=cut,
                    share=share,
                    count=self._counts.of(channel, sender),
                )
                return await self._write_once(parcel)
        except Refusal:
            self._refused(request, channel)
            raise

    def _name_of(self, token: str) -> str:
        name = self._admit(token)
        if name is not None:
            return name
        if not token:
            raise Refusal("no_token", "send a token in the header Authorization (`Bearer TOKEN`)")
        raise Refusal("bad_token", "the token is unknown or no longer valid; ask the operator for one that is")

    def _check_crowd(self) -> None:
        if self.gate.crowded:
            raise Refusal("busy", "too much waits to be written; send this request again in a moment")

    async def _write_once(self, parcel: _Parcel) -> Receipt:
        known, repeated = await self._repeats.begin(parcel.digest)
        if repeated:
            batch = await self._open(parcel)
            parcel.count.repeated += 1
            parcel.count.last_seen = self._clock()
            return Receipt(batch, known.key, repeated=True)
        durable = False
        try:
            batch = await self._open(parcel)
            if batch.records:
                await self._hand_on(parcel, batch, known)
                durable = True
        finally:
            self._repeats.settle(parcel.digest, known, durable=durable)
        count = parcel.count
        count.took(known.received, frames=1, records=batch.records, size=len(parcel.raw))
        count.refused += batch.refused
        return Receipt(batch, known.key, repeated=False)

    async def _open(self, parcel: _Parcel) -> Batch:
        """Decompress and cut the body."""
        body = parcel.raw
        if parcel.encodings:
            body = await _aside(len(body), decompress, body, parcel.encodings, self.limits.body)
            parcel.share.grow(len(body))
        batch = await _aside(len(body), parcel.cut, body)
        lengths = np.frombuffer(batch.lengths, dtype="<u4")
        if len(lengths) and lengths.max() > self.limits.record:
            number = int(lengths.argmax())
            text = f"record {number} is longer than {self.limits.record} bytes; shorten it or raise max_record_bytes"
            raise Refusal("too_large", text, item=number)
        return batch

    async def _hand_on(self, parcel: _Parcel, batch: Batch, known: Known) -> None:
        frame = Frame(
            key=known.key,
            first=0,
            format=batch.format,
            channel=parcel.channel,
            sender=parcel.sender,
            received=known.received,
            lengths=batch.lengths,
            data=batch.data,
            ids=batch.ids,
            digest=parcel.digest,
        )
        try:
            # Whoever waits may be called off; what was handed to the gate goes its way.
            await asyncio.shield(self.gate.offer(frame, patient=False))
        except IntakeFullError as error:
            raise Refusal("busy", f"{error}; send this request again in a moment") from error

    def _refused(self, request: Request, channel: str) -> None:
        count = self._counts.of(channel, _sender_of(request))
        count.refused += 1
        count.last_seen = self._clock()


def _sender_of(request: Request) -> str:
    return plain_address(request.client.host) if request.client else "unknown"


async def _aside(size: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do work on so many bytes, in a thread if there are many."""
    if size < _ASIDE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
