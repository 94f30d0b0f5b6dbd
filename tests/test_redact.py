"""Secrets and control characters never reach a message, a log or a run record."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import fsspec
import pytest
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.cli import main
from ais_berths.errors import AisBerthsError, InputError, OutputError, PortError
from ais_berths.feeds import InputFile, list_inputs
from ais_berths.feeds.chunks import Chunk
from ais_berths.redact import printable, redact, redact_urls

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2/x+y"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"s3://KEY:{SECRET}@bucket/a.csv", "s3://***@bucket/a.csv"),
        ("https://token@host/a.csv", "https://***@host/a.csv"),
        ("https://host/a.csv?day=1&X-Amz-Signature=ab%2F&n=2", "https://host/a.csv?day=1&X-Amz-Signature=***&n=2"),
        ("az://c/a.csv?sv=2024&se=x&sig=abc)", "az://c/a.csv?sv=***&se=***&sig=***)"),
        ("https://host:8080/day@9/a.csv", "https://host:8080/day@9/a.csv"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("s3://bucket/key=a@b.csv", "s3://bucket/key=a@b.csv"),
    ],
)  # fmt: skip
def test_urls(text: str, shown: str) -> None:
    assert redact_urls(text) == shown


@given(st.text(), st.text(alphabet="abc/+@:=%23"))
def test_a_password_before_a_host_is_never_shown(before: str, secret: str) -> None:
    assert redact(f"{before} https://anna:hunter2{secret}@host/a.csv").count("hunter2") == before.count(
        "hunter2"
    )


@given(st.text())
def test_printable_text_is_printable_and_of_the_same_length(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)


@pytest.mark.parametrize("kind", [AisBerthsError, InputError, OutputError, PortError])
def test_no_error_tells_a_secret(kind: type[AisBerthsError]) -> None:
    error = kind("https://anna:hunter2@host/a.csv?sig=hunter2 cannot be read (password=hunter2)")
    assert "hunter2" not in str(error) + repr(error)


def test_what_tasks_carry_shows_no_secret() -> None:
    """The log of a dask worker prints the arguments of a task that failed."""
    url = "https://anna:hunter2@host/a.csv"
    chunk = Chunk(url, "1-x", "csv")
    assert "hunter2" not in repr(chunk) + chunk.label + repr(InputFile(url, 1, "x"))


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY:hunter2@bucket/a.parquet",
        "s3://KEY:hun/ter2@bucket/a.parquet",
        "ftp://anna:hunter2@127.0.0.1:9/a.csv",
        "http://anna:hunter2@127.0.0.1:9/a.csv?sig=hunter2",
        "nothing://anna:hunter2@host/a.csv",
    ],
)
def test_a_url_that_cannot_be_read(url: str, tmp_path: Path) -> None:
    args = ["detect", url, "--port", "USTPA", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 1
    assert "ter2" not in result.output
    assert "***@" in result.stderr
    assert not (tmp_path / "out").exists()


class _Signed(MemoryFileSystem):
    """Files in memory under URLs with a signature, which changes from day to day."""

    protocol = "signed"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("signed://").lstrip("/")

    def _plain(self, path: str) -> str:
        return path.partition("?")[0]

    def info(self, path: str, **options: object) -> dict[str, object]:
        found = super().info(self._plain(path), **options)
        return found | {"name": path, "ETag": "same"}

    def _open(self, path: str, *args: object, **options: object) -> object:
        return super()._open(self._plain(path), *args, **options)

    def exists(self, path: str, **options: object) -> bool:
        return super().exists(self._plain(path), **options)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    fsspec.register_implementation("signed", _Signed, clobber=True)
    rows = "".join(f"367000001,2024-03-01T{hour:02d}:00:00,45.01,-29.95,0.0\n" for hour in range(24))
    MemoryFileSystem().pipe("/signed/a.csv", b"MMSI,BaseDateTime,LAT,LON,SOG\n" + rows.encode())
    (tmp_path / "ports.csv").write_text("name,lat,lon\nTestport,45.0,-30.0\n", encoding="utf-8")
    return tmp_path


def test_no_file_of_a_result_holds_a_secret(signed: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    out = signed / "out"
    args = ["--ports", str(signed / "ports.csv"), "--out", str(out)]
    for sig in ("hunter2", "hunter3"):
        result = CliRunner().invoke(main, ["detect", f"signed://signed/a.csv?sig={sig}", *args])
        assert result.exit_code == 0, result.output
        assert "hunter" not in result.output
    # A new signature is not a new file: nothing was read again.
    assert "0 of 1 chunks to read" in result.stderr
    [entry] = json.loads((out / "run.json").read_text(encoding="utf-8"))["inputs"]
    assert entry["path"] == "signed:///signed/a.csv?sig=***"
    assert all(b"hunter" not in path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert "hunter" not in caplog.text


def test_urls_that_differ_in_a_secret_only_are_refused(signed: Path) -> None:
    with pytest.raises(InputError, match="differ only in a password or a signature"):
        list_inputs(["signed://signed/a.csv?sig=one", "signed://signed/a.csv?sig=two"])
