"""Paths, folders and archives become files; what is wrong is said, and nothing stops the rest."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from miharu.core.columns import REJECT_REASONS
from miharu.core.errors import OperatorError
from miharu.sources import Limits, expand

KEY = "0" * 32
LINES = b"".join(b"Oct 11 22:14:%02d host sshd[%d]: session opened\n" % (i % 60, i) for i in range(2000))
PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def read(path, limits=None, **kwargs):
    """Return {path: (raws, rejects as (reason, detail, raw))} of everything in a path."""
    files = expand([path], limits) if limits else expand([path])
    found = {}
    for file in files:
        chunks = list(file.chunks(KEY, **kwargs))
        raws = [raw for chunk in chunks for raw in chunk.records["record.raw"]]
        rejects = [row[1:4] for chunk in chunks for row in chunk.rejects.iter_rows()]
        assert all(reason in REJECT_REASONS for reason, _, _ in rejects)
        assert file.path not in found
        found[file.path] = (raws, rejects)
    return found


def tar_of(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_of(members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2023, 5, 6, 7, 8, 10)), data, compression)
    return out.getvalue()


def test_a_missing_path_is_the_operators_error(tmp_path):
    with pytest.raises(OperatorError, match=r"nowhere\.log does not exist"):
        expand([tmp_path / "nowhere.log"])


def test_folders_are_read_in_order_and_empty_files_give_nothing(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.log").write_bytes(b"three\n")
    (tmp_path / "a.log").write_bytes(b"one\ntwo")
    (tmp_path / "c.log").write_bytes(b"")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found = read(tmp_path)
    assert list(found) == [str(tmp_path / "a.log"), str(tmp_path / "b" / "x.log")]
    assert [raws for raws, _ in found.values()] == [[b"one", b"two"], [b"three"]]


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.mission("S10")
def test_compression_is_recognised_by_content_and_changes_no_record(tmp_path, kind):
    plain, packed = tmp_path / "plain", tmp_path / "misnamed.txt"
    plain.write_bytes(LINES)
    packed.write_bytes(PACKERS[kind](LINES[:50_000]) + PACKERS[kind](LINES[50_000:]))
    first, second = [next(iter(expand([path]))) for path in (plain, packed)]
    assert first.scan([7]) == second.scan([7])
    for one, other in zip(first.chunks(KEY, rows=700), second.chunks(KEY, rows=700), strict=True):
        assert one.records.drop("record.path", "record.reference").equals(
            other.records.drop("record.path", "record.reference")
        )
        assert (one.begin, one.end) == (other.begin, other.end)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_truncated_stream_gives_what_it_holds_and_continues_later(tmp_path, kind):
    path = tmp_path / "log"
    whole = PACKERS[kind](os.urandom(3).hex().encode() + b"\n" + LINES)
    noise = b"\n".join(os.urandom(40).hex().encode() for _ in range(40_000)) + b"\n"
    whole = PACKERS[kind](noise)
    path.write_bytes(whole[: len(whole) * 3 // 4])
    file = next(iter(expand([path])))
    scan = file.scan()
    chunks = list(file.chunks(KEY))
    raws = [raw for chunk in chunks for raw in chunk.records["record.raw"]]
    assert len(raws) > 1000
    assert raws == noise.splitlines()[: len(raws)]
    (reject,) = [row for chunk in chunks for row in chunk.rejects.iter_rows(named=True)]
    assert reject["reject.reason"] == "archive_truncated"
    assert "import it once more" in reject["reject.detail"]
    assert str(path) in reject["reject.detail"]
    end = chunks[-1].end
    assert noise[:end].endswith(b"\n")
    assert noise[end : scan.size] == reject["reject.raw"]
    # The same with an end given, as an import that fixed the size before reading does.
    again = list(file.chunks(KEY, 0, scan.size))
    assert [c.rejects.equals(d.rejects) and c.records.equals(d.records) for c, d in zip(chunks, again, strict=True)]
    for chunk in chunks:
        (replay,) = file.chunks(KEY, chunk.begin, chunk.end)
        assert replay.records.equals(chunk.records)
        assert replay.rejects.equals(chunk.rejects)
    path.write_bytes(whole)
    later = next(iter(expand([path])))
    assert later.scan([scan.size]).prefixes[scan.size] == scan.digest
    rest = [raw for chunk in later.chunks(KEY, begin=end) for raw in chunk.records["record.raw"]]
    assert raws + rest == noise.splitlines()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_damaged_stream_gives_what_comes_before_the_damage(tmp_path, kind):
    path = tmp_path / "log"
    noise = b"\n".join(os.urandom(40).hex().encode() for _ in range(60_000)) + b"\n"
    packed = bytearray(PACKERS[kind](noise))
    middle = len(packed) * 3 // 4
    packed[middle : middle + 64] = bytes(64)
    path.write_bytes(bytes(packed))
    ((raws, rejects),) = read(path).values()
    assert [reason for reason, _, _ in rejects] == ["archive_damaged"]
    assert "damaged" in rejects[0][1]
    assert len(raws) > 1000 or kind in ("xz", "zst")


def test_a_gzip_with_a_wrong_checksum_gives_everything_and_says_so(tmp_path):
    path = tmp_path / "log.gz"
    packed = bytearray(gzip.compress(LINES))
    packed[-8] ^= 0xFF
    path.write_bytes(bytes(packed))
    ((raws, rejects),) = read(path).values()
    assert raws == LINES.splitlines()
    assert [reason for reason, _, _ in rejects] == ["archive_damaged"]


def test_archives_nest_and_members_have_their_own_times(tmp_path):
    inner = zip_of({"deep/x.log": b"deep\n", "empty": b""})
    path = tmp_path / "all.bin"
    path.write_bytes(
        gzip.compress(tar_of({"d/a.log": b"one\n", "d/b.gz": gzip.compress(b"two\n", mtime=0), "c.zip": inner}))
    )
    files = {file.path: file for file in expand([path])}
    assert list(files) == [f"{path}!d/a.log", f"{path}!d/b.gz", f"{path}!c.zip!deep/x.log"]
    assert files[f"{path}!d/a.log"].modified == datetime.fromtimestamp(1_700_000_000, UTC)
    assert files[f"{path}!c.zip!deep/x.log"].modified == datetime(2023, 5, 6, 7, 8, 10, tzinfo=UTC)
    (chunk,) = files[f"{path}!c.zip!deep/x.log"].chunks(KEY)
    assert chunk.records["record.raw"].to_list() == [b"deep"]
    assert chunk.records["record.reference"].to_list() == [datetime(2023, 5, 6, 7, 8, 10, tzinfo=UTC)]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip_methods_and_a_zip_without_its_directory(tmp_path, compression):
    path = tmp_path / "a.zip"
    whole = zip_of({"a.log": LINES, "b.log": b"tail\n"}, compression)
    path.write_bytes(whole)
    assert {name: raws for name, (raws, _) in read(path).items()} == {
        f"{path}!a.log": LINES.splitlines(),
        f"{path}!b.log": [b"tail"],
    }
    path.write_bytes(whole[: whole.rindex(b"PK\x01\x02", 0, whole.rindex(b"PK\x01\x02"))])
    found = read(path)
    assert found[f"{path}!a.log"][0] == LINES.splitlines()
    assert found[f"{path}!b.log"][0] == [b"tail"]
    assert found[str(path)][1][0][0] == "archive_truncated"


def test_a_streamed_zip_cut_off_within_a_member(tmp_path):
    out = io.BytesIO()

    class Unseekable(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            return out.write(bytes(data))

    noise = b"\n".join(os.urandom(40).hex().encode() for _ in range(9_000)) + b"\n"
    with zipfile.ZipFile(Unseekable(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", LINES)
        archive.writestr("b.log", noise)
    path = tmp_path / "a.zip"
    path.write_bytes(out.getvalue()[: len(out.getvalue()) // 2])
    found = read(path)
    assert found[f"{path}!a.log"] == (LINES.splitlines(), [])
    raws, rejects = found[f"{path}!b.log"]
    assert len(raws) > 100
    assert raws == noise.splitlines()[: len(raws)]
    assert rejects[0][0] == "archive_truncated"


def test_a_truncated_tar_gives_the_members_before(tmp_path):
    path = tmp_path / "a.tar.gz"
    members = {f"{i}.log": LINES for i in range(3)}
    whole = tar_of(members)
    path.write_bytes(gzip.compress(whole[: 3 * 512 + len(LINES) * 3 // 2]))
    found = read(path)
    assert found[f"{path}!0.log"] == (LINES.splitlines(), [])
    raws, rejects = found[f"{path}!1.log"]
    assert raws == LINES.splitlines()[: len(raws)]
    assert [reason for reason, _, _ in rejects] == ["archive_truncated"]
    damaged = bytearray(whole)
    place = damaged.index(b"1.log")
    damaged[place : place + 512] = b"\xaa" * 512
    path.write_bytes(bytes(damaged))
    found = read(path)
    assert found[f"{path}!0.log"][0] == LINES.splitlines()
    assert found[str(path)][1][0][0] == "archive_damaged"


def test_nesting_beyond_the_limit_is_kept_as_bytes(tmp_path):
    data = b"x\n"
    for _ in range(7):
        data = gzip.compress(data)
    path = tmp_path / "deep.gz"
    path.write_bytes(data)
    ((raws, rejects),) = read(path).values()
    assert raws == []
    assert [reason for reason, _, _ in rejects] == ["binary"]
    assert zlib.decompress(zlib.decompress(rejects[0][2], 31), 31) == b"x\n"


def test_a_bomb_is_stopped(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"0" * 30_000_000))
    limits = Limits(ratio_from=1 << 20, record=1 << 20)
    ((raws, rejects),) = read(path, limits).values()
    assert raws == []
    assert rejects[-1][0] == "archive_damaged"
    assert "bomb" in rejects[-1][1]
    assert sum(len(raw) for _, _, raw in rejects) < 16_000_000
    path.write_bytes(gzip.compress(tar_of({f"{i}": b"x\n" for i in range(50)})))
    found = read(path, Limits(members=10))
    assert len(found) == 11
    assert "more than 10 files" in found[str(path)][1][0][1]
    found = read(path, Limits(spool=4096))
    assert "limit for temporary files" in list(found.values())[-1][1][-1][1]


def test_what_cannot_be_opened_is_said_and_the_rest_is_read(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x\n")
    (tmp_path / "d").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "e")
    opened = Path.open

    def deny(self, *args, **kwargs):
        if self.name == "b":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", deny)
    files = list(expand([tmp_path]))
    assert [Path(file.path).name for file in files if file.problem] == ["b", "d", "e"]
    assert len({file.scan().digest for file in files if file.problem}) == 3
    found = read(tmp_path)
    assert [reason for _, rejects in found.values() for reason, _, _ in rejects] == ["unreadable"] * 3
    assert "Permission denied" in found[str(tmp_path / "b")][1][0][1]
    assert found[str(tmp_path / "c")][0] == [b"x"]


def test_an_encrypted_member_is_said(tmp_path):
    data = bytearray(zip_of({"a.log": b"secret\n", "b.log": b"open\n"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(data))
    found = read(path)
    assert "encrypted" in found[f"{path}!a.log"][1][0][1]
    assert found[f"{path}!b.log"][0] == [b"open"]


def test_names_that_are_not_utf8_are_shown(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.log"
    Path(os.fsdecode(name)).write_bytes(b"x\n")
    (file,) = expand([tmp_path])
    assert file.path.endswith("caf\\xe9.log")
    assert [chunk.records["record.path"][0] for chunk in file.chunks(KEY)] == [file.path]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_member_with_a_wrong_checksum_is_given_and_says_so(tmp_path, compression):
    data = bytearray(zip_of({"a.log": b"one\ntwo\n"}, compression))
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(data))
    ((raws, rejects),) = read(path).values()
    assert raws == [b"one", b"two"]
    assert rejects[0][0] == "archive_damaged"
    assert "checksum" in rejects[0][1]
