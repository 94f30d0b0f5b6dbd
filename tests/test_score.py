"""Reading the truth that berths are scored against."""

import json
import shutil

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ais_berths.errors import InputError, MissingColumnsError
from ais_berths.export import write_geoparquet
from ais_berths.pipeline.score import read_truth, score_out
from ais_berths.simulate import simulate

SQUARE = "POLYGON ((4 52, 4.01 52, 4.01 52.01, 4 52.01, 4 52))"


def test_shapes_in_a_csv_file(tmp_path):
    file = tmp_path / "berths.csv"
    file.write_text(f'id,use,geom_WKT\na,commercial,"{SQUARE}"\nb,service,POINT (4.1 52.1)\nc,,\n')
    truth = read_truth(file)
    assert truth.berths["id"].tolist() == ["a"]
    assert truth.berths.geometry.iloc[0].equals(shapely.from_wkt(SQUARE))
    assert truth.points["id"].tolist() == ["b"]


def test_points_in_a_csv_file_need_no_names(tmp_path):
    file = tmp_path / "berths.csv"
    file.write_text("Latitude;Longitude\n52,5;-4,25\n")
    truth = read_truth(file)
    assert truth.berths is None
    assert (truth.points.geometry.x.tolist(), truth.points.geometry.y.tolist()) == ([-4.25], [52.5])


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("a,b\n1,2\n", MissingColumnsError, "neither a column of shapes .* it has a, b"),
        ("lat,lon\n52,4\nx,4\n95,4\n", InputError, r"in row 3, 4 \(2 in all\)"),
        ("wkt\nSQUARE (1 2)\n", InputError, r"in row 2 \(1 in all\)"),
    ],
)
def test_a_csv_file_that_is_no_truth(tmp_path, text, error, said):
    file = tmp_path / "berths.csv"
    file.write_text(text)
    with pytest.raises(error, match=said):
        read_truth(file)


def test_the_truth_of_a_simulation_is_a_folder(tmp_path):
    true = simulate(tmp_path / "port", days=1, rng=1, scene=["general", "near"])
    truth = read_truth(tmp_path / "port" / "truth")
    assert sorted(truth.berths["berth_id"]) == sorted(true.berths["berth_id"])
    assert truth.stops["stop"].tolist() == true.stops["stop"].tolist()
    assert truth.calls["call_id"].tolist() == true.berth_calls["call_id"].tolist()
    assert len(truth.calls)
    assert set(truth.places["kind"]) == set(true.places["kind"])


def test_a_folder_without_true_berths(tmp_path):
    with pytest.raises(InputError, match=r"berths\.geojson does not exist; give a file of true berths"):
        read_truth(tmp_path)


def test_a_table_without_shapes_is_refused_in_one_sentence(sample_out):
    with pytest.raises(InputError, match=r"stops\.parquet cannot be read as polygons [^\n]*without shapes"):
        read_truth(sample_out / "stops.parquet")


def test_true_berths_elsewhere_are_not_missed_ones(sample_out, sample_data, tmp_path):
    """A national list scored against the run of one port."""
    berths = gpd.read_file(sample_data / "simulated" / "truth" / "berths.geojson")
    (middle,) = berths.representative_point().iloc[[0]]
    file = tmp_path / "docks.csv"
    file.write_text(f"lat,lon\n{middle.y},{middle.x}\n52.5,4.25\n-29,32\n")
    points = score_out(sample_out, file).points
    assert (points.n_points, points.n_outside, points.points_with_berth) == (1, 2, 1.0)

    truth = tmp_path / "truth"
    shutil.copytree(sample_data / "simulated" / "truth", truth)
    moved = berths.assign(geometry=berths.translate(xoff=20.0)).iloc[:4]
    pd.concat([berths.iloc[4:], moved]).to_file(truth / "berths.geojson")
    here, everywhere = (
        score_out(sample_out, truth),
        score_out(sample_out, sample_data / "simulated" / "truth"),
    )
    assert (here.berths.n_outside, everywhere.berths.n_outside) == (4, 0)
    assert here.berths.at_iou_50.n_true == everywhere.berths.at_iou_50.n_true - 4
    assert here.calls.found.n_true < everywhere.calls.found.n_true


def test_true_berths_of_ports_that_were_not_chosen_are_not_missed_ones(sample_out, sample_data, tmp_path):
    """Another port lies within the area that was read around the chosen one."""
    true = gpd.read_file(sample_data / "simulated" / "truth" / "berths.geojson").drop(columns="id")
    out = tmp_path / "out"
    shutil.copytree(sample_out, out)
    (port,) = pd.read_csv(sample_data / "simulated" / "ports.csv").to_dict("records")
    berths = gpd.read_parquet(out / "berths.parquet")
    # At the other port, one true berth was found and three were not.
    lat, lon = port["lat"] + 0.05, port["lon"] + 0.05
    spots = [shapely.Point(lon + k * 0.01, lat).buffer(0.0005) for k in range(4)]
    moved = true.iloc[:4].assign(geometry=spots, port_id="P1")
    other = port | {"port_id": "P1", "name": "Other", "locode": "XSA09", "lat": lat, "lon": lon}
    pd.DataFrame([port, other]).to_csv(tmp_path / "ports.csv", index=False)
    found = berths.iloc[:1].assign(geometry=[spots[0]], berth_id="P0-new")
    write_geoparquet(pd.concat([berths, found], ignore_index=True), out / "berths.parquet", "berths")
    file = out / "state" / "job.json"
    job = json.loads(file.read_text(encoding="utf-8"))
    edited = {"ports": ["P0"], "ports_file": str(tmp_path / "ports.csv"), "ports_hash": ""}
    file.write_text(json.dumps(job | edited), encoding="utf-8")

    truth = pd.concat([true.iloc[4:], moved], ignore_index=True)
    truth.to_file(tmp_path / "named.geojson")
    truth.drop(columns="port_id").to_file(tmp_path / "nameless.geojson")
    named, nameless = (score_out(out, tmp_path / f"{kind}.geojson").berths for kind in ("named", "nameless"))
    assert (named.n_outside, nameless.n_outside) == (4, 3)
    assert named.at_iou_50.n_true == len(true) - 4
    assert nameless.at_iou_50.n_matched == named.at_iou_50.n_matched + 1


def test_a_truth_of_another_port_is_refused(sample_out, tmp_path):
    file = tmp_path / "docks.csv"
    file.write_text("lat,lon\n4.25,52.5\n")
    with pytest.raises(InputError, match=r"none of the true berths .* lies in the area"):
        score_out(sample_out, file)
