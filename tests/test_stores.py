"""Object stores: a real server of the S3 protocol on this machine, which fails when it is told to."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from click.testing import CliRunner

from ais_berths.cli import main
from ais_berths.errors import EmptyInputError, InputError, OutputError
from ais_berths.export import export
from ais_berths.feeds import list_inputs
from ais_berths.pipeline import Job, Wiring, detect
from ais_berths.simulate import simulate
from ais_berths.stores import copy_results, export_to_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

s3fs = pytest.importorskip("s3fs", reason="needs the extra s3")
pytest.importorskip("moto", reason="needs moto[server] of the extra test")

SECRET = "wJalrXUtnFEMIexample"


@dataclass
class Store:
    """A bucket, what was asked of it, and how often it is to fail."""

    url: str = "s3://ais"
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    failures: int = 0
    failing: str = "GET"

    def listed(self) -> set[str]:
        """Prefixes that were listed."""
        return {query for method, path, query in self.asked if method == "GET" and "list-type" in query}

    def read(self) -> set[str]:
        """Objects that were read."""
        return {path for method, path, query in self.asked if method == "GET" and "list-type" not in query}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    found = Store()
    moto = DomainDispatcherApplication(create_backend_app)

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        found.asked.append((method, environ["PATH_INFO"], environ.get("QUERY_STRING", "")))
        if found.failures and method == found.failing:
            found.failures -= 1
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>reduce your request rate</Message></Error>"]
        return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    forget_listings()
    # What it holds is kept in this process, for the next server too.
    urlopen(Request(f"http://127.0.0.1:{server.port}/moto-api/reset", method="POST")).close()
    s3fs.S3FileSystem().mkdir("ais")
    yield found
    forget_listings()
    server.shutdown()
    thread.join()
    server.server_close()


def forget_listings() -> None:
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six days in folders by day of arrival."""
    folder = tmp_path_factory.mktemp("archive") / "port"
    simulate(folder, rng=3, days=6, scene=("general",), report_s=1800.0)
    return folder


def put(archive: Path, url: str, but: Iterable[int] = ()) -> None:
    system = s3fs.S3FileSystem()
    for path in (archive / "feed").rglob("*.parquet"):
        if not any(f"day={day}" in path.parts for day in but):
            system.put_file(str(path), f"{url}/{path.relative_to(archive / 'feed').as_posix()}")
    forget_listings()


def a_job(archive: Path, first: int | None = None, last: int | None = None) -> Job:
    start, end = (None if day is None else datetime(2024, 3, day, tzinfo=UTC) for day in (first, last))
    return Job(feed="ungp", ports_file=str(archive / "ports.csv"), start=start, end=end)


def assert_same(out: Path, other: Path) -> None:
    names = ("stops.parquet", "berths.parquet", "berth_calls.parquet", "vessels.parquet", "quality.csv")
    assert [name for name in names if (out / name).read_bytes() != (other / name).read_bytes()] == []


def test_a_bucket_is_read_as_a_disk_is(store: Store, archive: Path, tmp_path: Path) -> None:
    put(archive, f"{store.url}/feed")
    detect([archive / "feed"], tmp_path / "disk", a_job(archive))
    summary = detect([f"{store.url}/feed"], tmp_path / "store", a_job(archive))
    assert summary.counts["stops"] > 0
    assert_same(tmp_path / "store", tmp_path / "disk")


@pytest.mark.slow
def test_a_day_of_more_objects_than_one_listing_has(store: Store) -> None:
    folder = f"{store.url}/feed/year=2024/month=3/day=1"
    keys = {f"{folder}/part={number:04d} of 1,050.parquet": b"x" for number in range(1050)}
    s3fs.S3FileSystem().pipe(keys)
    forget_listings()
    assert len(list_inputs([f"{store.url}/feed"])) == len(keys)


@pytest.mark.slow
def test_keys_with_signs_that_mean_something_in_urls(store: Store, archive: Path, tmp_path: Path) -> None:
    folder = f"{store.url}/feed of 2024 (50% & more) + häfen"
    put(archive, folder)
    system = s3fs.S3FileSystem()
    for number, key in enumerate(system.find(folder)):
        system.mv(key, f"{key.removesuffix('.parquet')} #{number}=a+b%20c?.parquet")
    forget_listings()
    detect([archive / "feed"], tmp_path / "disk", a_job(archive))
    detect([folder], tmp_path / "store", a_job(archive))
    assert_same(tmp_path / "store", tmp_path / "disk")
    detect([f"{folder}/year=2024/month=3/day=2"], tmp_path / "day", a_job(archive))
    detect([folder], tmp_path / "day", a_job(archive))
    assert_same(tmp_path / "day", tmp_path / "disk")


def test_days_come_from_the_calendar(store: Store, archive: Path, tmp_path: Path) -> None:
    """Only the days of the period and its margin are asked for, and nothing above them is listed."""
    put(archive, f"{store.url}/feed")
    store.asked.clear()
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive, 3, 4))
    days = {path.split("day=")[1].split("/")[0] for path in store.read()}
    assert days == {"2", "3", "4", "5", "6"}
    prefixes = {query.split("prefix=")[1].split("&")[0] for query in store.listed()}
    above = {prefix for prefix in prefixes if "day" not in prefix}
    # One question whether the folder is there at all.
    assert above <= {"feed", "feed/", "feed%2F"}
    asked_for_all = [q for q in store.listed() if q.split("prefix=")[1].split("&")[0] in above]
    assert all("max-keys=1&" in f"{query}&" for query in asked_for_all)
    detect([archive / "feed"], tmp_path / "disk", a_job(archive, 3, 4))
    assert_same(tmp_path / "out", tmp_path / "disk")


def test_a_new_day_reads_that_day_only(store: Store, archive: Path, tmp_path: Path) -> None:
    put(archive, f"{store.url}/feed", but=[5, 6, 7])
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive))
    put(archive, f"{store.url}/feed", but=[1, 2, 3, 4])
    store.asked.clear()
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive))
    assert {path.split("day=")[1].split("/")[0] for path in store.read()} <= {"5", "6", "7"}
    detect([archive / "feed"], tmp_path / "disk", a_job(archive))
    assert_same(tmp_path / "out", tmp_path / "disk")


def test_a_missing_day_is_reported(store: Store, archive: Path, tmp_path: Path) -> None:
    put(archive, f"{store.url}/feed", but=[3])
    told: list[str] = []
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive, 2, 5), wiring=Wiring(log=told.append))
    assert any("1 day(s) have no folder: 2024-03-03" in text for text in told)
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert run["missing_days"] == ["2024-03-03"]


def test_late_reports_are_read_with_the_margin(store: Store, archive: Path, tmp_path: Path) -> None:
    """Positions of the period that arrived on other days are there, as in a run over everything."""
    put(archive, f"{store.url}/feed")
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive, 3, 4))
    pings = pd.read_parquet(tmp_path / "out" / "pings")
    rows = pd.read_parquet(archive / "feed")
    stray = rows[(rows["dt_pos_utc"].dt.day == 3) & (rows["dt_insert_utc"].dt.day != 3)]
    kept = stray.merge(pings, left_on=["mmsi", "dt_pos_utc"], right_on=["mmsi", "time"])
    assert len(kept) > 0
    assert set(pings["time"].dt.day) == {3}


def test_a_store_that_is_busy_for_a_while(store: Store, archive: Path, tmp_path: Path) -> None:
    put(archive, f"{store.url}/feed")
    detect([archive / "feed"], tmp_path / "disk", a_job(archive))
    store.failures = 3
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive))
    assert store.failures == 0
    assert_same(tmp_path / "out", tmp_path / "disk")


def test_a_store_that_stays_busy(
    store: Store, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, f"{store.url}/feed")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store.failures = 1000
    with pytest.raises(InputError, match="reduce your request rate") as caught:
        detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive))
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_is_not_there(store: Store, archive: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s3://ais/feed does not exist"):
        detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive))
    put(archive, f"{store.url}/feed")
    with pytest.raises(EmptyInputError, match="for the period asked for"):
        detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive, 20, 21))


def test_no_secret_is_written_down(store: Store, archive: Path, tmp_path: Path) -> None:
    put(archive, f"{store.url}/feed")
    told: list[str] = []
    detect([f"{store.url}/feed"], tmp_path / "out", a_job(archive), wiring=Wiring(log=told.append))
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.json")]
    assert len(texts) > 3
    assert not [text for text in [*texts, *told] if SECRET in text or "AKIDEXAMPLE" in text]


def test_results_are_copied_to_a_bucket(store: Store, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    detect([archive / "feed"], out, a_job(archive))
    store.asked.clear()
    copies = copy_results(out, f"{store.url}/results/")
    put_in_order = [path for method, path, _ in store.asked if method == "PUT"]
    assert put_in_order[-1] == "/ais/results/run.json"
    assert copies[-1] == "s3://ais/results/run.json"
    forget_listings()
    system = s3fs.S3FileSystem()
    for path in (path for path in out.iterdir() if path.is_file()):
        assert system.cat_file(f"ais/results/{path.name}") == path.read_bytes()
    assert not [name for name in system.find("ais/results") if "/state/" in name or "/pings/" in name]
    copy_results(out, f"{store.url}/results", pings=True)
    forget_listings()
    assert pd.read_parquet(f"{store.url}/results/pings").shape == pd.read_parquet(out / "pings").shape


def test_export_to_a_bucket(store: Store, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    detect([archive / "feed"], out, a_job(archive))
    done = CliRunner().invoke(main, ["export", str(out), f"{store.url}/berths.geojson"])
    assert done.output == "wrote s3://ais/berths.geojson\n"
    here = export(out, tmp_path / "berths.geojson")
    assert s3fs.S3FileSystem().cat_file("ais/berths.geojson") == here.read_bytes()
    done = CliRunner().invoke(main, ["export", str(out), f"{store.url}/all"])
    assert done.exit_code == 0
    assert s3fs.S3FileSystem().exists("ais/all/run.json")
    assert export_to_url(out, f"{store.url}/cells.csv", cells=True) == "s3://ais/cells.csv"


@pytest.mark.slow
def test_the_job_of_the_platform_in_a_bucket(store: Store, archive: Path, root: Path, tmp_path: Path) -> None:
    """`pipelines/ungp.py` as it is run there: the archive named by a variable, results copied to a store."""
    put(archive, f"{store.url}/feed")
    recipe = (
        'feed = "ungp"\nout = "out"\ncopy_to = "s3://ais/berths"\n'
        f"ports_file = {json.dumps(str(archive / 'ports.csv'))}\n"
        "start = 2024-03-02T00:00:00Z\nend = 2024-03-05T00:00:00Z\n"
    )
    (tmp_path / "run.toml").write_text(recipe, encoding="utf-8")
    environment = {**os.environ, "AIS_BERTHS_INPUT": f"{store.url}/feed", "PYTHONPATH": str(root)}
    command = [sys.executable, str(root / "pipelines" / "ungp.py"), "run.toml"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "files are in s3://ais/berths" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    forget_listings()
    copied = s3fs.S3FileSystem().cat_file("ais/berths/berth_cells.csv")
    assert copied == (tmp_path / "out" / "berth_cells.csv").read_bytes()
    detect([archive / "feed"], tmp_path / "disk", a_job(archive, 2, 5))
    assert_same(tmp_path / "out", tmp_path / "disk")


def test_where_results_cannot_go(store: Store, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    detect([archive / "feed"], out, a_job(archive))
    with pytest.raises(OutputError, match="cannot be written to s3://nowhere/x"):
        copy_results(out, "s3://nowhere/x")
    with pytest.raises(InputError, match="holds no finished run"):
        copy_results(tmp_path, f"{store.url}/x")
    with pytest.raises(OutputError, match="ais-berths export FOLDER s3://ais/out"):
        detect([archive / "feed"], f"{store.url}/out", a_job(archive))
