"""Vitals of all parts and the API's own counts → text that Prometheus reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miharu.core.vitals import Vitals
from miharu.serve.api.health import part_of

METRICS: Final[dict[str, str]] = {
    "miharu_part_up": "1 while a part runs and says so, else 0; by `part`.",
    "miharu_part_heard_seconds": "Seconds since a part said how it is; by `part`.",
    "miharu_disk_free_bytes": "Bytes free on the disk of the data folder.",
    "miharu_supervisor_intake_starts_total": "Times the intake was started.",
    "miharu_supervisor_worker_starts_total": "Times the worker was started.",
    "miharu_supervisor_api_starts_total": "Times the API was started.",
    "miharu_supervisor_courier_starts_total": "Times the courier was started.",
    "miharu_store_losses_total": "Times the store was found gone.",
    "miharu_intake_frames_total": "Requests, datagrams and reads of a stream that brought records.",
    "miharu_intake_records_total": "Records senders sent.",
    "miharu_intake_bytes_total": "Bytes these took on the wire.",
    "miharu_intake_refused_total": "Requests, items and connections that were turned down and remain with the sender.",
    "miharu_intake_too_long_total": "Records that were kept in more than one piece.",
    "miharu_intake_dropped_total": "Datagrams that could not be taken and are lost.",
    "miharu_intake_repeated_total": "Requests that came again and were not written again.",
    "miharu_intake_kernel_drops_total": "Datagrams the kernel dropped before the intake could read them.",
    "miharu_intake_spooled_frames_total": "Frames that are durable in the spool.",
    "miharu_intake_spooled_records_total": "Records that are durable in the spool.",
    "miharu_intake_spool_writes_total": "Times the spool was synced to disk.",
    "miharu_intake_spool_bytes": "Bytes the spool holds.",
    "miharu_intake_spool_segments": "Files of the spool.",
    "miharu_intake_waiting_bytes": "Bytes that were read and are not yet durable.",
    "miharu_intake_tcp_connections": "Senders that are connected by TCP.",
    "miharu_intake_channel_frames_total": "As miharu_intake_frames_total, by `channel`.",
    "miharu_intake_channel_records_total": "As miharu_intake_records_total, by `channel`.",
    "miharu_intake_channel_bytes_total": "As miharu_intake_bytes_total, by `channel`.",
    "miharu_intake_channel_refused_total": "As miharu_intake_refused_total, by `channel`.",
    "miharu_intake_channel_too_long_total": "As miharu_intake_too_long_total, by `channel`.",
    "miharu_intake_channel_dropped_total": "As miharu_intake_dropped_total, by `channel`.",
    "miharu_intake_channel_repeated_total": "As miharu_intake_repeated_total, by `channel`.",
    "miharu_worker_batches_total": "Batches the worker stored.",
    "miharu_worker_records_total": "Records the worker took from the spool.",
    "miharu_worker_events_total": "Events the worker stored.",
    "miharu_worker_rejects_total": "Records the worker kept as rejects.",
    "miharu_worker_findings_total": "Hits of rules the worker stored.",
    "miharu_worker_alerts_total": "Alerts the worker opened.",
    "miharu_worker_faults_total": "Records or rules that met a fault of miharu's own in the worker.",
    "miharu_worker_store_losses_total": "Times the worker lost the store or the state.",
    "miharu_worker_damages_total": "Damaged pieces of the spool that were set aside.",
    "miharu_worker_damaged_bytes_total": "Bytes of the spool that were set aside.",
    "miharu_worker_reloads_total": "Times the worker took changed content.",
    "miharu_worker_spool_backlog_bytes": "Bytes of the spool that are not worked off.",
    "miharu_worker_lag_seconds": "Seconds from the receipt of the newest record stored to its storing.",
    "miharu_worker_rules": "Rules that run.",
    "miharu_worker_rules_not_run": "Rules that cannot run.",
    "miharu_courier_sent_messages_total": "Messages about alerts that their receivers took.",
    "miharu_courier_failed_attempts_total": "Attempts to send a message that failed.",
    "miharu_courier_waiting_notices": "Notices that wait to be sent.",
    "miharu_courier_failed_notices": "Notices that their receiver refused for good.",
    "miharu_courier_dead_notices": "Notices that could not be delivered for too long.",
    "miharu_api_requests_total": "Requests the API answered, by `method`, `route` and `status`.",
    "miharu_api_request_seconds": "Seconds until the head of an answer, by `route`; a histogram.",
    "miharu_api_rows_total": "Rows the API gave for searches and SQL.",
    "miharu_api_refusals_total": "Answers of the API with a status of 400 to 499.",
    "miharu_api_faults_total": "Answers of the API with a status of 500 to 599.",
    "miharu_api_streams": "Streams of alerts that are open.",
    "miharu_api_queries": "Questions the store works on for the API.",
}
"""Every metric and what it counts; `docs/reference/metrics.md` is made from it."""

_UNKNOWN: Final = "Counted by a part of this name; see docs/reference/metrics.md."
_OWN: Final = frozenset(("requests",))
"""Counts of the API's own that its registry tells in more detail."""


def metrics_text(registry: CollectorRegistry, vitals: Mapping[str, Vitals], free: int, now: datetime) -> bytes:
    """Return the text format 0.0.4: what `registry` holds, then what the parts say."""
    collected = CollectorRegistry(auto_describe=False)
    collected.register(_Parts(vitals, free, now))
    return generate_latest(registry) + generate_latest(collected)


class _Parts(Collector):
    """The vitals as metric families."""

    def __init__(self, vitals: Mapping[str, Vitals], free: int, now: datetime) -> None:
        self._vitals = vitals
        self._free = free
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield one family per name."""
        yield _gauge("miharu_disk_free_bytes", self._free)
        running = GaugeMetricFamily("miharu_part_up", METRICS["miharu_part_up"], labels=["part"])
        heard = GaugeMetricFamily("miharu_part_heard_seconds", METRICS["miharu_part_heard_seconds"], labels=["part"])
        for name, vitals in self._vitals.items():
            running.add_metric([name], float(part_of(vitals, self._now).state == "running"))
            heard.add_metric([name], max(0.0, (self._now - vitals.at).total_seconds()))
        yield running
        yield heard
        for name, vitals in self._vitals.items():
            yield from _figures(name, vitals)


def _figures(part: str, vitals: Vitals) -> Iterator[Metric]:
    for name, count in vitals.counters.items():
        if part != "api" or name not in _OWN:
            full = _name(part, name)
            yield CounterMetricFamily(full, _help(f"{full}_total"), value=count)
    for name, value in vitals.gauges.items():
        yield _gauge(_name(part, name), value)
    yield from _channels(part, vitals.details.get("channels", {}))


def _channels(part: str, channels: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    """Yield what a part counts of each channel."""
    for name in sorted({name for numbers in channels.values() for name in numbers}):
        full = _name(part, f"channel_{name}")
        family = CounterMetricFamily(full, _help(f"{full}_total"), labels=["channel"])
        for channel, numbers in channels.items():
            family.add_metric([channel], numbers.get(name, 0))
        yield family


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, _help(name), value=value)


def _help(name: str) -> str:
    return METRICS.get(name, _UNKNOWN)


def _name(part: str, name: str) -> str:
    return re.sub(r"\W", "_", f"miharu_{part}_{name.removesuffix('_total')}", flags=re.ASCII)
