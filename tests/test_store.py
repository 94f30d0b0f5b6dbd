"""The store of what was read, spoiled or left half-made: an error in words, or the right result."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ais_berths.config import parse_config
from ais_berths.errors import InputError, OutputError
from ais_berths.pipeline import Job, Wiring, detect, find_all_places, find_all_stops, scan
from ais_berths.pipeline.job import Store
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

TABLES = ("stops.parquet", "hours.parquet", "vessels.parquet", "berth_calls.parquet", "quality.csv")


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "sim"
    simulate(folder, rng=4, days=2, feed="noaa", scene=("general", "near"), report_s=1800.0)
    return folder


@pytest.fixture(scope="module")
def done(feed: Path) -> Path:
    """What comes of the first day, in several batches."""
    detect(days(feed)[:1], feed.parent / "done", a_job(feed))
    return feed.parent / "done"


@pytest.fixture
def out(done: Path, tmp_path: Path) -> Path:
    """The same, to be spoiled."""
    shutil.copytree(done, tmp_path / "out")
    return tmp_path / "out"


def a_job(feed: Path) -> Job:
    run = {"chunk_rows": 1000, "task_rows": 1000}
    return Job(ports_file=str(feed / "ports.csv"), config=parse_config({"run": run}, "test"))


def days(feed: Path) -> list[Path]:
    return sorted((feed / "feed").iterdir())


def differing(out: Path, wanted: Path) -> list[str]:
    return [name for name in TABLES if (out / name).read_bytes() != (wanted / name).read_bytes()]


@pytest.fixture
def begun(out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As a run leaves it that was killed after some of its batches."""
    records = sorted((out / "state" / "scan").glob("*.json"))
    assert len(records) > 1
    records[0].unlink()
    (out / "state" / "stops.json").unlink()
    return out


def test_a_part_of_a_file_is_not_mixed_with_others(begun: Path, feed: Path, tmp_path: Path) -> None:
    told: list[str] = []
    detect(days(feed)[1:], begun, a_job(feed), wiring=Wiring(log=told.append))
    assert any("is left out now" in text and days(feed)[0].name in text for text in told)
    detect(days(feed)[1:], tmp_path / "second", a_job(feed))
    assert differing(begun, tmp_path / "second") == []
    detect(days(feed), begun, a_job(feed))
    detect(days(feed), tmp_path / "both", a_job(feed))
    assert differing(begun, tmp_path / "both") == []


def test_no_stops_of_a_part_of_a_file(begun: Path, feed: Path, done: Path) -> None:
    with pytest.raises(InputError, match=r"does not hold all of .*run its command again"):
        find_all_stops(begun)
    detect(days(feed)[:1], begun, a_job(feed))
    assert differing(begun, done) == []


def test_without_the_list_of_inputs_nothing_is_added(out: Path, feed: Path) -> None:
    (out / "state" / "inputs.json").unlink()
    with pytest.raises(InputError, match=r"inputs\.json cannot be read"):
        detect(days(feed)[1:], out, a_job(feed))


@pytest.mark.parametrize("what", ["stops", "detours", "hours", "quality"])
def test_a_missing_part_is_made_again(out: Path, done: Path, what: str) -> None:
    next((out / "state" / "parts").glob(f"{what}-*")).unlink()
    find_all_stops(out)
    find_all_places(out)
    assert differing(out, done) == []


@pytest.mark.parametrize("content", [b"", b'{"a', b"\0\xff"])
@pytest.mark.parametrize("name", ["inputs.json", "stops.json", "feed.json", "scan/*.json"])
def test_a_damaged_list_is_named(out: Path, feed: Path, name: str, content: bytes) -> None:
    next((out / "state").glob(name)).write_bytes(content)
    with pytest.raises(InputError, match=r"\.json cannot be read: .*--overwrite"):
        detect(days(feed)[:1], out, a_job(feed))


def test_a_damaged_feed_is_named_where_nothing_is_read(out: Path) -> None:
    (out / "state" / "feed.json").write_bytes(b'{"a')
    with pytest.raises(InputError, match=r"feed\.json cannot be read"):
        find_all_places(out)


def test_a_task_of_a_run_that_was_broken_off_comes_too_late(
    feed: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of a cluster go on for a while; what they read is read again, in other batches."""
    out, given = tmp_path / "out", days(feed)[:1]

    def broken_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ais_berths.pipeline.scan_inputs", broken_off)
        with pytest.raises(KeyboardInterrupt):
            detect(given, out, a_job(feed))
    store = Store(out)
    late = scan.plan_stamp(store)
    refused = []

    def make_batches(chunks: Any, most_rows: int) -> Any:
        batches = scan.make_batches(chunks, most_rows)
        with pytest.raises(OutputError, match="another run has begun") as error:
            scan.scan_batch([*batches[0], *batches[1]], store, late)
        refused.append(error)
        return batches

    monkeypatch.setattr("ais_berths.pipeline.rounds.make_batches", make_batches)
    detect(given, out, a_job(feed))
    assert refused
    assert differing(out, done) == []
