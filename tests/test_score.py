"""Reading the truth that berths are scored against."""

import pytest
import shapely

from ais_berths.errors import InputError, MissingColumnsError
from ais_berths.pipeline.score import read_truth
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
