"""The shipped mapping answers for the logsources it knows; faults in a mapping are listed with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.catalog import FieldTarget, load_sigma_mapping
from miharu.core.errors import ContentError
from miharu.detect import Detector
from tests.unit.detect.rulecraft import batch, compiled, hits, rule

pytestmark = pytest.mark.mission("S22")

SYSMON = {"event.dataset": "windows.sysmon", "winlog.channel": "Microsoft-Windows-Sysmon/Operational"}


def test_every_windows_category_and_service_resolves() -> None:
    mapping = load_sigma_mapping()
    (windows,) = (family for family in mapping.families if family.product == "windows")
    for category in windows.categories:
        (route,) = mapping.resolve("windows", category, None)
        assert route.entity == ("host.name", "user.name")
    for service in windows.services:
        assert mapping.resolve("windows", None, service)
    assert mapping.resolve("windows", "no_such_category", None) == ()
    assert mapping.resolve("no_such_product", None, None) == ()
    assert mapping.resolve(None, None, None)


def test_fields_are_found_by_scope_then_family_then_default() -> None:
    mapping = load_sigma_mapping()
    (windows,) = mapping.resolve("windows", "process_creation", None)
    assert windows.target("EventID") == FieldTarget(("event.code",))
    assert windows.target("Whatever") == FieldTarget(("winlog.event_data.Whatever",))
    assert windows.target("Data").every
    (web,) = mapping.resolve(None, "webserver", None)
    assert web.target("sc-status") == FieldTarget(("http.response.status_code",))
    assert web.target("src_ip") == FieldTarget(("source.ip",))


def test_a_category_without_product_means_that_of_every_product() -> None:
    names = {route.name for route in load_sigma_mapping().resolve(None, "process_creation", None)}
    assert {"windows/process_creation/*", "linux/process_creation/*"} <= names
    ruleset = compiled(
        [rule({"s": {"Image|endswith": "sh"}, "condition": "s"}, logsource={"category": "process_creation"})],
        load_sigma_mapping(),
    )
    events = batch(
        [
            {**SYSMON, "event.code": "1", "process.executable": "C:\\pwsh"},
            {
                "event.dataset": "linux.sysmon",
                "winlog.channel": None,
                "event.code": "1",
                "process.executable": "/bin/sh",
            },
            {**SYSMON, "event.code": "3", "process.executable": "C:\\pwsh"},
        ]
    )
    assert hits(ruleset, events) == {("rule", 0), ("rule", 1)}


@pytest.mark.parametrize(
    ("logsource", "row", "applies"),
    [
        ({"product": "windows", "category": "process_creation"}, {**SYSMON, "event.code": "1"}, True),
        ({"product": "windows", "category": "process_creation"}, {**SYSMON, "event.code": "11"}, False),
        (
            {"product": "windows", "service": "security"},
            {"event.dataset": "windows.security", "winlog.channel": "security"},
            True,
        ),
        ({"product": "windows"}, {"event.dataset": "windows.anything"}, True),
        ({"product": "windows"}, {"event.dataset": "linux.auth"}, False),
        ({"product": "linux", "service": "sshd"}, {"event.dataset": "linux.auth", "process.name": "sshd"}, True),
        ({"product": "linux", "service": "sshd"}, {"event.dataset": "linux.auth", "process.name": "sudo"}, False),
        ({"product": "linux", "service": "sudo"}, {"event.dataset": "generic.syslog", "process.name": "sudo"}, True),
        ({"category": "webserver"}, {"event.dataset": "nginx.access"}, True),
        ({"category": "firewall"}, {"event.dataset": "cisco.asa"}, True),
        ({"service": "apache"}, {"event.dataset": "apache.access"}, True),
    ],
)
def test_rows_of_a_logsource(logsource: dict[str, str], row: dict[str, str], applies: bool) -> None:  # noqa: FBT001
    ruleset = compiled([rule({"s": {"f": "x"}, "condition": "not s"}, logsource=logsource)], load_sigma_mapping())
    assert ruleset.problems == []
    assert (hits(ruleset, batch([row])) == {("rule", 0)}) is applies


def test_the_first_column_that_has_a_value_counts_unless_all_do() -> None:
    logsource = {"product": "windows", "category": "image_load"}
    detections = {
        "first": {"s": {"ImageLoaded": "two"}, "condition": "s"},
        "every": {"s": {"Data": "two"}, "condition": "s"},
        "none": {"s": {"Data": None}, "condition": "s"},
    }
    ruleset = compiled(
        [rule(what, name, logsource=logsource) for name, what in detections.items()], load_sigma_mapping()
    )
    row = {**SYSMON, "event.code": "7"}
    names = ("dll.path", "file.path", "winlog.event_data.param1", "winlog.event_data.param3")
    cells = [
        ("one", "two", "one", "two"),
        (None, "two", None, None),
        ("two", "one", "two", None),
        (None, None, "", None),
    ]
    events = batch([{**row, **dict(zip(names, cell, strict=True))} for cell in cells])
    assert hits(ruleset, events) == {("first", 1), ("first", 2), ("every", 0), ("every", 2), ("none", 1)}
    found = Detector(ruleset).run(events)
    assert '{"file.path":"two"}' in found["matched"].to_list()


def test_faults_of_a_mapping_are_all_listed(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "product: x\nwhere: text\ndefault: fixed\nentitty: [a]\nfields:\n  A: []\n"
        "categories:\n  c: {event.code: {ends: '1'}}\n  d: {event.code: []}\n"
    )
    (tmp_path / "worse.yml").write_text("product: [\n")
    with pytest.raises(ContentError) as raised:
        load_sigma_mapping(tmp_path)
    told = [(issue.path.rsplit("/", 1)[-1], issue.line, issue.key) for issue in raised.value.issues]
    assert {line for name, line, _ in told if name == "bad.yml"} == {2, 3, 4, 6, 8, 9}
    assert any(name == "worse.yml" for name, _, _ in told)
    assert any("did you mean 'entity'?" in issue.hint for issue in raised.value.issues)
