"""Windows events in XML."""

from __future__ import annotations

from typing import Any

import pytest

from miharu.parse.windows_xml import read_windows_xml
from tests.unit.parse import windows_samples as samples
from tests.unit.parse.windows_samples import records


def read(raw: str | bytes) -> tuple[dict[str, Any], str]:
    frames, rejects = read_windows_xml(records(raw))
    rows = [row for frame in frames for row in frame.iter_rows(named=True)]
    assert len(rows) + rejects.height == 1
    if not rows:
        assert rejects["reject.reason"][0] == "xml_invalid"
        return {}, str(rejects["reject.detail"][0])
    return {name: value for name, value in rows[0].items() if value is not None and not name.startswith("record.")}, ""


def event(inner: str, head: str = "") -> str:
    return f"<Event><System><EventID>7</EventID>{head}</System>{inner}</Event>"


def test_namespace_or_not() -> None:
    assert read(samples.xml(samples.SYSMON)) == read(samples.xml(samples.SYSMON, namespace=False))
    assert read('<?xml version="1.0" encoding="utf-16"?>' + samples.xml(samples.SYSMON)) == read(
        samples.xml(samples.SYSMON)
    )
    prefixed = event("<EventData><Data Name='A'>x</Data></EventData>").replace("<", "<e:").replace("<e:/", "</e:")
    assert read(prefixed.replace("<e:Event>", "<e:Event xmlns:e='urn:x'>"))[0]["EventData.A"] == "x"


def test_rendering() -> None:
    found, _ = read(samples.xml(samples.SYSMON))
    assert found["Rendering.Task"] == "Process Create (rule: ProcessCreate)"
    assert found["Message"] == samples.MESSAGE.replace("\r\n", "\n")
    bare, _ = read(samples.xml(samples.SYSMON, rendered=False))
    assert bare == {name: value for name, value in found.items() if not name.startswith(("Rendering.", "Message"))}


def test_keywords_in_words() -> None:
    words = (
        "<RenderingInfo><Keywords><Keyword>Audit Success</Keyword><Keyword>Classic</Keyword></Keywords></RenderingInfo>"
    )
    assert read(event(words))[0]["Rendering.Keywords"] == "Audit Success, Classic"


def test_unnamed_and_repeated_data() -> None:
    found, _ = read(
        event("<EventData><Data>one</Data><Data></Data><Data Name='A'>x</Data><Data Name='A'>y</Data></EventData>")
    )
    data = {name: value for name, value in found.items() if name.startswith("EventData.")}
    assert data == {
        "EventData.param1": "one",
        "EventData.param2": "",
        "EventData.Data": "one\n",
        "EventData.A": "x",
        "EventData.A_1": "y",
    }


def test_user_data() -> None:
    found, _ = read(event("<UserData><Cleared xmlns='urn:x'><User>alice</User><At host='ws07'/></Cleared></UserData>"))
    assert found["UserData.User"] == found["EventData.User"] == "alice"
    assert found["UserData.At.host"] == "ws07"


@pytest.mark.parametrize("cut", ["</EventData>", "</System>", "<Data Name='Image'>", "</Comp"])
def test_cut_off_is_kept_as_far_as_it_goes(cut: str) -> None:
    whole = samples.xml(samples.SYSMON, rendered=False)
    found, _ = read(whole[: whole.index(cut)])
    assert found["System.EventID"] == "1"
    assert found["System.Damage"]
    complete, _ = read(whole)
    del found["System.Damage"]
    for name, value in found.items():
        assert str(complete[name]).startswith(str(value))


def test_cut_before_the_number_is_rejected() -> None:
    whole = samples.xml(samples.SYSMON)
    found, detail = read(whole[: whole.index("<EventID>")])
    assert not found
    assert detail


@pytest.mark.parametrize(
    "raw", ["", "<", "<Event/>", "<Events/>", "no XML", "<Event><System/></Event>", b"\xff\xfe<\x00E\x00"]
)
def test_no_event_is_rejected(raw: str | bytes) -> None:
    assert read(raw)[1]


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE Event [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + event(
        "<EventData><Data Name='A'>&b;</Data></EventData>"
    )
    found, detail = read(bomb)
    assert not found
    assert "document type" in detail
    secret = '<!DOCTYPE Event [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + event(
        "<EventData><Data>&f;</Data></EventData>"
    )
    assert read(secret) == ({}, detail)


@pytest.mark.parametrize("odd", [b"\x0b", b"&#x1;", b"&#11;", b"\xff", b"&#xFFFF;"])
def test_forbidden_characters_are_replaced(odd: bytes) -> None:
    raw = event("<EventData><Data Name='A'>x@y</Data><Data Name='B'>z</Data></EventData>").encode().replace(b"@", odd)
    found, _ = read(raw)
    assert (found["EventData.A"], found["EventData.B"]) == ("x\ufffdy", "z")
    assert "System.Damage" not in found


def test_good_references_stay() -> None:
    found, _ = read(event("<EventData><Data Name='A'>x&#10;y&#13;&#x9;z&amp;&lt;</Data></EventData>"))
    assert found["EventData.A"] == "x\ny\r\tz&<"
