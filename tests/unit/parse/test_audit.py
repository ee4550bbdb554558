"""The reader of audit records: what is written in one of its many ways means the same."""

from __future__ import annotations

import polars as pl
import pytest

from miharu.catalog import ReadStep
from miharu.parse.audit import is_audit, read_audit


def read(*lines: str) -> list[dict[str, object]]:
    frames = read_audit(pl.DataFrame({"message": lines}), ReadStep("audit", "message"))
    return [
        {name: value for name, value in row.items() if value is not None and name != "message"}
        for row in pl.concat(frames, how="diagonal").to_dicts()
    ]


def test_values_in_hexadecimal_are_text_where_they_would_not_have_been_written_as_they_are():
    (event,) = read("type=CWD msg=audit(1.5:7): cwd=2F686F6D652F6120622FC3A9 comm=DEADBEEF exe=616263 name=cafe")
    assert (event["cwd"], event["exe"], event["name"]) == ("/home/a b/é", "616263", "cafe")
    # No UTF-8, but no letters and digits that a program would be called either.
    assert event["comm"] == b"\xde\xad\xbe\xef".decode("latin-1")


def test_pieces_of_a_long_argument_are_one_and_missing_ones_are_told():
    (event,) = read('type=EXECVE msg=audit(1.5:7): argc=5 a2="x" a3_len=8 a3[0]=6120 a3[1]=2062 a4=2D')
    assert event["audit.args"] == ["[... 2 truncated arguments ...]", "x", "a  b", "2D"]
    assert (event["a3"], event["audit.argc"]) == ("a  b", "5")


@pytest.mark.parametrize(
    ("saddr", "family", "address", "port"),
    [
        ("0200D431C00002090000000000000000", "inet", "192.0.2.9", "54321"),
        (
            "0A0001BB0000000020010DB800000000000000000000000100000000",
            "inet6",
            "2001:0db8:0000:0000:0000:0000:0000:0001",
            "443",
        ),
        ("020001", "inet", None, "0"),
        ("100000000000000000000000", "netlink", None, None),
        ("ZZZZ", None, None, None),
    ],
)
def test_socket_addresses(saddr: str, family: str | None, address: str | None, port: str | None):
    (event,) = read(f"type=SOCKADDR msg=audit(1.5:7): saddr={saddr}")
    assert (event.get("saddr_fam"), event.get("laddr")) == (family, address)
    if address:
        assert event["lport"] == port


def test_a_socket_in_the_file_system():
    first, abstract = read(
        "type=SOCKADDR msg=audit(1.5:7): saddr=01002F72756E2F6C6F6700",
        "type=SOCKADDR msg=audit(1.5:8): saddr=010000746D7000",
    )
    assert (first["socket"], abstract["socket"]) == ("/run/log", "tmp")


def test_one_record_written_by_three_daemons():
    """RHEL 5 wrote parentheses, RHEL 6 `user pid=`, today's daemon adds names behind a separator."""
    old, middle, new = read(
        'type=USER_AUTH msg=audit(1.5:7): user pid=1 uid=0 auid=3 msg=\'PAM: authentication acct="eve" :'
        ' exe="/bin/login" (hostname=h, addr=192.0.2.1, terminal=pts/0 res=failed)\'',
        'type=USER_AUTH msg=audit(1.5:7): user pid=1 uid=0 auid=3 msg=\'op=PAM:authentication acct="eve"'
        ' exe="/bin/login" hostname=h addr=192.0.2.1 terminal=pts/0 res=failed\'',
        'type=USER_AUTH msg=audit(1.5:7): pid=1 uid=0 auid=3 msg=\'op=PAM:authentication acct="eve"'
        ' exe="/bin/login" hostname=h addr=192.0.2.1 terminal=pts/0 res=failed\'\x1dUID="root" AUID="bob"',
    )
    assert (new.pop("UID"), new.pop("AUID")) == ("root", "bob")
    assert middle == new
    del middle["op"]
    assert old == middle


def test_who_acts_depends_on_the_kind():
    session, change, call = read(
        "type=USER_START msg=audit(1.5:7): pid=1 uid=0 auid=1000 msg='acct=\"eve\" res=success'",
        "type=USER_CHAUTHTOK msg=audit(1.5:8): pid=1 uid=0 auid=1000 msg='op=change id=1007 res=success'",
        "type=SYSCALL msg=audit(1.5:9): arch=c000003e syscall=59 auid=1000 uid=33 euid=0",
    )
    assert (session["audit.actor.id"], session["audit.effective.name"], session["uid"]) == ("1000", "eve", "0")
    assert (change["audit.actor.id"], change["audit.effective.id"], change["audit.target.id"]) == ("1000", "0", "1007")
    assert (call["audit.actor.id"], call["audit.effective.id"], call.get("uid")) == ("33", "0", None)


def test_the_kernel_gives_numbers():
    (event,) = read('[ 12.5] audit: type=1400 audit(1749888908.020:33): apparmor="DENIED" name="/x" pid=9')
    assert (event["audit.kind"], event["audit.serial"], event["audit.uptime"]) == ("AVC", "33", "12.5")


def test_keys_cannot_replace_what_the_header_and_the_reader_say():
    (event,) = read("type=USER msg=audit(1.5:7): audit.kind=x hostname=evil message=x program=y")
    assert (event["audit.kind"], event["audit.hostname"], event["audit.program"]) == ("USER", "evil", "y")


@pytest.mark.parametrize("line", ["type=x msg=audit(", "audit(1.2:3): a=b", "", "type= msg=audit():", "=" * 5000])
def test_odd_lines_are_read(line: str):
    assert len(read(line, "type=CWD msg=audit(1.5:7): cwd=A")) == 2


def test_marks():
    text = pl.Series(
        [
            'type=CWD msg=audit(1.5:7): cwd="/"',
            "node=a type=X msg=audit(1:7):",
            "type=UNKNOWN[1329] msg=g",
            "type=x msg=y",
        ]
    )
    assert is_audit(text).to_list() == [True, True, True, False]


def test_a_records_neighbours_change_nothing():
    lines = [
        'type=USER_AUTH msg=audit(1.5:7): pid=1 msg=\'acct="eve" : exe="/bin/x" (hostname=h, addr=?, res=failed)\'',
        "type=USER_ACCT msg=audit(1.5:8): pid=2 msg='op=a b) unit=x : res=success'",
        "type=LOGIN msg=audit(1.5:9): pid=3 uid=0 old auid=1 new auid=2 old ses=3 new ses=4",
        "type=SOCKADDR msg=audit(1.5:10): saddr=0200D431C0000209",
        'type=EXECVE msg=audit(1.5:11): argc=1 a0="x"',
    ]
    assert read(*lines) == [read(line)[0] for line in lines]
