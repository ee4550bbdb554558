"""How the system is, over HTTP: health, senders, metrics, the description of the API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from miharu import __version__
from miharu.core.vitals import Vitals
from miharu.pipeline import forget_vitals, write_vitals
from miharu.serve.api.metrics import METRICS
from miharu.store import Store
from tests.unit.serve.apicraft import World, settings_of, world


@pytest.fixture
def here(tmp_path) -> Iterator[World]:
    with world(settings_of(tmp_path)) as opened:
        yield opened


def speak(here, part, state="running", trouble="", age=0.0, **more):
    at = datetime.now(UTC) - timedelta(seconds=age)
    write_vitals(here.settings.data, Vitals(part, 4711, at, state, trouble, **more))
    here.app.state.services.doctor._looked = float("-inf")


# -- health ----------------------------------------------------------------------------------------


def test_health_without_a_token_is_one_word(here):
    assert here.json("/health", None) == {"status": "trouble"}  # the store is not there


def test_health_with_a_token(here):
    speak(here, "worker", gauges={"spool_backlog_bytes": 512.0}, counters={"events": 3})
    with Store.open(here.settings.data, here.settings, grace=0.2):
        health = here.json("/health")
        assert health["status"] == "ok"
        assert health["store_reachable"] is True
        assert health["backlog_bytes"] == 512
        assert health["disk_free_bytes"] > 0
        worker = health["parts"]["worker"]
        assert (worker["state"], worker["trouble"], worker["pid"]) == ("running", "", 4711)
        assert worker["counters"] == {"events": 3}
        speak(here, "intake", "starting")
        assert here.json("/health", None) == {"status": "starting"}
        speak(here, "intake", "trouble", "the disk is full")
        assert here.json("/health", None) == {"status": "trouble"}
        assert here.json("/health")["parts"]["intake"]["trouble"] == "the disk is full"
        speak(here, "intake", "running", age=60)
        silent = here.json("/health")
        assert silent["status"] == "trouble"
        assert silent["parts"]["intake"]["state"] == "silent"
        speak(here, "intake", "stopped", age=60)
        assert here.json("/health")["parts"]["intake"]["state"] == "stopped"


def test_the_system_is_looked_at_once_a_second_whoever_asks(here):
    here.json("/health", None)
    write_vitals(here.settings.data, Vitals("worker", 1, datetime.now(UTC), "running"))
    here.app.state.services.doctor._looked = float("inf")
    assert here.json("/health")["parts"] == {}


def test_senders_and_version(here):
    assert here.json("/senders") == {"senders": []}
    heard = [{"sender": "192.0.2.9", "records": 12}]
    speak(here, "intake", details={"senders": heard})
    assert here.json("/senders") == {"senders": heard}
    assert here.json("/version") == {"version": __version__, "api": "v1"}


# -- metrics ---------------------------------------------------------------------------------------


def samples(here):
    answer = here.ask("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_tell_what_the_parts_say(here):
    speak(here, "worker", counters={"events": 7, "odd name-1": 1}, gauges={"lag_seconds": 0.5})
    channels = {"syslog-udp": {"records": 5, "bytes": 90}, "http-hec": {"records": 2}}
    counters = {"records_total": 7}
    speak(here, "intake", "trouble", "x", age=20, counters=counters, details={"channels": channels})
    found = samples(here)
    assert found["miharu_intake_records_total",] == 7
    assert found["miharu_intake_channel_records_total", "syslog-udp"] == 5
    assert found["miharu_intake_channel_records_total", "http-hec"] == 2
    assert found["miharu_intake_channel_bytes_total", "http-hec"] == 0
    assert found["miharu_worker_events_total",] == 7
    assert found["miharu_worker_lag_seconds",] == 0.5
    assert found["miharu_worker_odd_name_1_total",] == 1
    assert found["miharu_part_up", "worker"] == 1
    assert found["miharu_part_up", "intake"] == 0
    assert found["miharu_part_up", "api"] == 1
    assert found["miharu_part_heard_seconds", "intake"] >= 20
    assert found["miharu_disk_free_bytes",] > 0


def test_metrics_count_requests_by_route(here):
    here.ask("/alerts/1234")
    here.ask("/alerts/5678")
    here.ask("/nowhere/" + "x" * 50)
    here.ask("/events", None)
    here.ask("/alerts/alerts")
    found = samples(here)
    assert found["miharu_api_requests_total", "/api/v1/alerts/{alert_id}", "404", "GET"] == 3
    assert found["miharu_api_requests_total", "404", "GET", "other"] == 1
    assert found["miharu_api_requests_total", "/api/v1/events", "401", "GET"] == 1
    assert found["miharu_api_refusals_total",] == 5
    assert found["miharu_api_request_seconds_count", "/api/v1/events"] == 1


def test_every_metric_of_this_part_is_described(here):
    forget_vitals(here.settings.data)
    here.ask("/events", None)
    text = here.ask("/metrics").text
    families = list(text_string_to_metric_families(text))
    names = [f"{family.name}_total" if family.type == "counter" else family.name for family in families]
    assert len(names) == len(set(names))
    assert set(names) <= {*METRICS, "miharu_api_requests_created", "miharu_api_request_seconds_created"}
    assert all(family.documentation for family in families)
    assert {name for name in METRICS if name.startswith("miharu_api")} <= set(names)


# -- the description -------------------------------------------------------------------------------


def test_every_route_is_described(here):
    schema = here.json("/api/v1/openapi.json", None)
    assert schema["openapi"].startswith("3.1")
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            place = f"{method} {path}"
            assert len(operation["description"]) > 20, place
            assert operation["summary"], place
            assert "200" in operation["responses"], place
            assert "application/problem+json" in operation["responses"]["default"]["content"], place
            assert all(parameter.get("description") for parameter in operation.get("parameters", ())), place
            assert ("requestBody" in operation) == (method in {"post", "patch"}), place
    for name, shape in schema["components"]["schemas"].items():
        assert all(field.get("description") for field in shape["properties"].values()), name


def test_references_in_the_description_lead_somewhere(here):
    schema = here.json("/api/v1/openapi.json", None)
    text = here.ask("/api/v1/openapi.json", None).text
    wanted = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert wanted <= set(schema["components"]["schemas"])
    assert wanted


def test_the_page_loads_nothing(here):
    answer = here.ask("/api/docs", None)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.text
    assert not [word for word in ("<script", "src=", "http:", "https:", "@import", "url(") if word in page]
    for path in here.app.openapi()["paths"]:
        assert path in page
    assert 'id="query"' in page
    assert str(os.getpid()) not in page
