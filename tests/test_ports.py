"""Port lists, finding a port and the nearest port."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import portfiles
from ais_berths.errors import EmptyInputError, InputError, MissingColumnsError, PortError
from ais_berths.geo import haversine_m
from ais_berths.ports import (
    builtin_ports,
    find_port,
    nearest_port,
    read_ports,
    rival_ports,
    search_ports,
)
from ais_berths.schema import PORTS


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    return builtin_ports()


def write(tmp_path: Path, text: str, name: str = "ports.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def geojson(tmp_path: Path, *features: tuple[dict[str, object], dict[str, object] | None]) -> Path:
    rows = [{"type": "Feature", "properties": p, "geometry": g} for p, g in features]
    return write(tmp_path, json.dumps({"type": "FeatureCollection", "features": rows}), name="ports.geojson")


# the embedded list --------------------------------------------------------------------------------


def test_embedded_list_is_whole(world: pd.DataFrame) -> None:
    assert world.columns.tolist() == PORTS.names
    assert len(world) == 3802
    assert world["port_id"].nunique() == 3801
    assert not world.isna().any().any()
    assert world["country"].str.fullmatch("[A-Z]{2}").all()
    assert world["locode"].str.fullmatch("([A-Z]{2}[A-Z0-9]{3})?").all()
    assert set(world["harbour_size"]) == {"large", "medium", "small", "very small", ""}
    assert world["lat"].between(-90, 90).all()
    assert world["lon"].between(-180, 180).all()


def test_embedded_codes_agree_with_the_countries(world: pd.DataFrame) -> None:
    coded = world[world["locode"] != ""]
    abroad = coded[coded["locode"].str[:2] != coded["country"]]
    assert sorted(abroad["locode"]) == ["BLGUS", "MAEUN"]


def test_namibia_is_a_country(world: pd.DataFrame) -> None:
    assert world.loc[world["country"] == "NA", "name"].tolist() == ["Luderitz Bay", "Walvis Bay"]


def test_checksum_stands_in_the_provenance() -> None:
    folder = Path(portfiles.__file__).parent / "data"
    checksum = hashlib.sha256((folder / "world_port_index.csv").read_bytes()).hexdigest()
    assert checksum in (folder / "README.md").read_text(encoding="utf-8")


def test_repeated_numbers_of_the_index(world: pd.DataFrame) -> None:
    names = world.set_index("port_id")["name"]
    assert names["400"] == "Seydhisfjordhur"
    assert names["400-2"] == "Seydisfjordur"
    assert names["49460"].tolist() == ["Machilipatnam", "Machilipatnam"]


@pytest.mark.real
def test_index_as_published(shared_data: Path, world: pd.DataFrame) -> None:
    published = read_ports(shared_data / "ports" / "UpdatedPub150.csv")
    assert len(published) == 3768
    both = published.merge(world, on="port_id", suffixes=("", "_own"))
    assert len(both) > 3700
    assert both.loc[both["country"] != both["country_own"], "name"].tolist() == ["Dussafu Terminal"]
    distance_m = haversine_m(both["lat"], both["lon"], both["lat_own"], both["lon_own"])
    assert (distance_m < 10_000).all()


@pytest.mark.real
def test_list_of_the_predecessor(shared_data: Path, world: pd.DataFrame) -> None:
    boxes = read_ports(shared_data / "unece" / "wpi_12nm_bounding_box_port.csv")
    assert len(boxes) == 3629  # 3,630 rows, one of them at 0, 0
    assert set(boxes.loc[boxes["country"] == "NA", "name"]) == {"LUDERITZ BAY", "WALVIS BAY"}
    assert "area" not in boxes
    both = boxes.merge(world, on="port_id", suffixes=("", "_own"))
    assert both.loc[both["country"] != both["country_own"], "name"].tolist() == ["DUSSAFU TERMINAL"]


# files of the user's own --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "name,lat,lon\nHamburg,53.55,9.93\n",
        "\ufeffPORT_NAME;LATITUDE;Lng\r\nHamburg;53,55;9,93\r\n",
        "Port\tY\tX\nHamburg\t53.55\t9.93\n",
        'x,y,Port Name\n"9,93",53.55, Hamburg \n\n',
        "Longitude (deg),Latitude (deg),name\n9.93,53.55,Hamburg\n,,\n",
    ],
)
def test_spellings_of_columns(tmp_path: Path, text: str) -> None:
    ports = read_ports(write(tmp_path, text))
    assert ports.columns.tolist() == PORTS.names
    assert ports.loc[0].tolist() == ["Hamburg", "Hamburg", "", "", "", 53.55, 9.93, ""]
    assert len(ports) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    ports = read_ports(write(tmp_path, "name,lat,lon\nMalmö,55.6,13.0\n", encoding=encoding))
    assert ports["name"].tolist() == ["Malmö"]


def test_codes_and_countries(tmp_path: Path) -> None:
    text = (
        "port_id,name,UN/LOCODE,Country,lat,lon\n"
        "7.0,Walvis Bay,na wvb,NA,-22.95,14.5\n"
        "8,Haifa,ilhfa,,32.8,35.0\n"
        "9,Pusan,nonsense,Republic of Korea,35.1,129.0\n"
        "10,Nowhere,,Atlantis,10,10\n"
    )
    ports = read_ports(write(tmp_path, text))
    assert ports["port_id"].tolist() == ["7", "8", "9", "10"]
    assert ports["locode"].tolist() == ["NAWVB", "ILHFA", "", ""]
    assert ports["country"].tolist() == ["NA", "IL", "KR", ""]


def test_points_of_one_port_and_namesakes(tmp_path: Path) -> None:
    numbered = "port_id,name,lat,lon\nH,Bayport,29.6,-95.0\nH,Barbours Cut,29.7,-95.0\n"
    ports = read_ports(write(tmp_path, numbered))
    assert ports["port_id"].tolist() == ["H", "H"]
    assert find_port(ports, "barbours cut") == "H"
    named = "name,country,lat,lon\nPortland,US,45.5,-122.7\nPortland,GB,50.6,-2.4\nPortland,US,45.6,-122.7\n"
    assert read_ports(write(tmp_path, named))["port_id"].tolist() == ["Portland", "Portland-2", "Portland"]
    index = (
        "World Port Index Number,Main Port Name,Latitude,Longitude\n5,Ab,1,1\n5,Ac,1,1\n5,ab,1,2\n6,B,2,2\n"
    )
    assert read_ports(write(tmp_path, index))["port_id"].tolist() == ["5", "5-2", "5", "6"]


def test_all_bad_positions_are_named_together(tmp_path: Path) -> None:
    text = "name,lat,lon\nA,91,0\nB,10,\n\nC,1,1\nD,ten,190\n,5,5\n"
    with pytest.raises(InputError) as caught:
        read_ports(write(tmp_path, text))
    message = str(caught.value)
    assert "row 2: lat is 91, expected decimal degrees from -90 to 90" in message
    assert "row 3: lon is empty" in message
    assert "row 6: lat is ten" in message
    assert "row 6: lon is 190" in message
    assert "row 7: the port has no name" in message
    assert "row 5" not in message


def test_long_lists_of_complaints_are_cut(tmp_path: Path) -> None:
    text = "name,lat,lon\n" + "A,100,0\n" * 50
    with pytest.raises(InputError, match="and 30 more"):
        read_ports(write(tmp_path, text))


def test_unknown_positions_are_left_out(tmp_path: Path) -> None:
    assert read_ports(write(tmp_path, "name,lat,lon\nA,0,0\nB,0,1\n"))["name"].tolist() == ["B"]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", EmptyInputError, "its first row must name the columns"),
        ("name,lat,lon\n", EmptyInputError, "holds no ports"),
        ("name,lat,lon\n,,\n", EmptyInputError, "holds no ports"),
        ("name,lat,lon\nA,0,0.0\n", EmptyInputError, "holds no ports"),
        ("name,breadth,lon\nA,1,2\n", MissingColumnsError, "no column for lat; it has name, breadth, lon"),
        ("lat,lon\n1,2\n", MissingColumnsError, "no column for name"),
        ("name,lat,lon\nA,53,5,8,1\n", InputError, "row 2 has 5 values, expected 3"),
        ("name,lat\0,lon\n", InputError, "not a text file"),
    ],
)
def test_unusable_files(tmp_path: Path, text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_ports(write(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        read_ports(tmp_path / "none.csv")


def test_geojson_points_and_polygons(tmp_path: Path) -> None:
    square = [[[4.0, 51.9], [4.1, 51.9], [4.1, 52.0], [4.0, 52.0], [4.0, 51.9]]]
    path = geojson(
        tmp_path,
        ({"Name": "Maasvlakte", "id": 1, "LOCODE": "NL RTM"}, {"type": "Polygon", "coordinates": square}),
        ({"Name": "Botlek", "id": 1}, {"type": "Point", "coordinates": [4.3, 51.88]}),
        ({"Name": "Two", "id": 2}, {"type": "MultiPoint", "coordinates": [[14.5, -22.9], [14.6, -22.9]]}),
    )
    ports = read_ports(path)
    assert ports["port_id"].tolist() == ["1", "1", "2", "2"]
    assert ports.loc[0, ["locode", "country"]].tolist() == ["NLRTM", "NL"]
    assert [area is not None for area in ports["area"]] == [True, False, False, False]
    assert ports["area"][0].contains(shapely.Point(ports["lon"][0], ports["lat"][0]))
    assert ports.loc[3, ["lat", "lon"]].tolist() == [-22.9, 14.6]


def test_geojson_across_the_antimeridian(tmp_path: Path) -> None:
    ring = [[179.9, -17.0], [180.3, -17.0], [180.3, -16.9], [179.9, -16.9], [179.9, -17.0]]
    ports = read_ports(geojson(tmp_path, ({"name": "A"}, {"type": "Polygon", "coordinates": [ring]})))
    assert ports["lon"][0] == pytest.approx(-179.9)
    port_id, distance_m = nearest_port([-16.95, -16.95, -16.95], [179.95, -179.75, -179.6], ports)
    assert port_id.tolist() == ["A", "A", "A"]
    assert distance_m[:2].tolist() == [0.0, 0.0]
    assert distance_m[2] == pytest.approx(haversine_m(-16.95, -179.7, -16.95, -179.6), rel=1e-6)
    # As some programs draw it: around the other side of the world.
    wrong = [[-179.7 if x == 180.3 else x, y] for x, y in ring]
    with pytest.raises(InputError, match="feature 1 reaches around more than half of the globe"):
        read_ports(geojson(tmp_path, ({"name": "A"}, {"type": "Polygon", "coordinates": [wrong]})))


def test_geojson_of_something_else(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    with pytest.raises(InputError, match="feature 2 has an unusable LineString"):
        read_ports(
            geojson(
                tmp_path,
                ({"name": "A"}, {"type": "Point", "coordinates": [1, 1]}),
                ({"name": "B"}, line),
            )
        )
    with pytest.raises(InputError, match="not a GeoJSON feature collection"):
        read_ports(write(tmp_path, "{", name="bad.geojson"))
    with pytest.raises(EmptyInputError, match="no points or polygons"):
        read_ports(geojson(tmp_path))


# finding a port -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "port_id"),
    [
        ("NLRTM", "31140"),
        ("nl rtm", "31140"),
        ("31140", "31140"),
        (" rotterdam ", "31140"),
        ("Göteborg", "24020"),
        ("gdańsk", "28710"),
        ("Gothenburg", "24020"),  # the other name of Goteborg
        ("Houst", "9240"),
        ("400-2", "400-2"),
    ],
)
def test_find_port(world: pd.DataFrame, query: str, port_id: str) -> None:
    assert find_port(world, query) == port_id


def test_ambiguous_name_lists_the_candidates(world: pd.DataFrame) -> None:
    with pytest.raises(PortError) as caught:
        find_port(world, "portland")
    message = str(caught.value)
    assert "fits 3 ports" in message
    assert "7150 Portland (USPWM, US)" in message
    assert "54140 Portland (AUPTJ, AU)" in message


def test_unknown_name_lists_the_nearest(world: pd.DataFrame) -> None:
    with pytest.raises(PortError, match=r"no port 'Piraeus'; near: 42230 Piraievs \(GRPIR, GR\)"):
        find_port(world, "Piraeus")
    with pytest.raises(PortError, match="`ais-berths ports SEARCH`"):
        find_port(world, "qqqqq")
    with pytest.raises(PortError, match="no port was named"):
        find_port(world, " ")


def test_find_port_needs_only_ids_and_names() -> None:
    ports = pd.DataFrame(
        {"port_id": ["a", "b"], "name": ["Alpha", "Beta"], "lat": [1.0, 2.0], "lon": [1.0, 2.0]}
    )
    assert find_port(ports, "beta") == "b"
    with pytest.raises(PortError, match=r"near: b Beta$"):
        find_port(ports, "betta")


def test_search_ports(world: pd.DataFrame) -> None:
    found = search_ports(world, "portland")
    assert found["name"].head(3).tolist() == ["Portland"] * 3
    assert "Portland Harbour" in found["name"].tolist()
    assert search_ports(world, "NA")["name"].head(2).tolist() == ["Luderitz Bay", "Walvis Bay"]
    assert len(search_ports(world, "a", limit=7)) == 7
    assert search_ports(world, "Roterdam")["name"][0] == "Rotterdam"
    assert search_ports(world, "qqqqq").empty
    assert search_ports(world, "Machilipatnam")["port_id"].tolist() == ["49460"]


# the nearest port ---------------------------------------------------------------------------------


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180))
@settings(max_examples=50, deadline=None)
def test_nearest_port_is_nearest(world: pd.DataFrame, lat: float, lon: float) -> None:
    port_id, distance_m = nearest_port([lat], [lon], world)
    every = haversine_m(lat, lon, world["lat"], world["lon"])
    assert distance_m[0] == pytest.approx(every.min(), abs=0.5)
    own = every[(world["port_id"] == port_id[0]).to_numpy()]
    assert own.min() == pytest.approx(every.min(), abs=0.5)


def test_nearest_port_of_no_position(world: pd.DataFrame) -> None:
    port_id, distance_m = nearest_port([np.nan, np.inf, 51.9], [4.0, 4.0, 4.5], world)
    assert port_id.tolist() == [None, None, "31140"]
    assert np.isnan(distance_m[:2]).all()
    with pytest.raises(EmptyInputError):
        nearest_port([1.0], [1.0], world.head(0))


def test_equally_distant_ports_do_not_depend_on_their_order() -> None:
    ports = pd.DataFrame({"port_id": ["b", "a"], "name": ["B", "A"], "lat": [10.0, 10.0], "lon": [5.0, 5.0]})
    for rows in ([0, 1], [1, 0]):
        assert nearest_port([10.0], [5.1], ports.iloc[rows])[0].tolist() == ["a"]


def test_area_of_a_port_in_the_far_north() -> None:
    area = shapely.box(15.5, 78.2, 15.7, 78.3)
    ports = pd.DataFrame(
        {"port_id": ["L", "M"], "name": "x", "lat": [78.25, 78.25], "lon": [15.6, 16.2], "area": [area, None]}
    )
    port_id, distance_m = nearest_port([78.29, 78.25, 78.35, 78.25], [15.55, 15.8, 15.6, 16.0], ports)
    assert port_id.tolist() == ["L", "L", "L", "M"]
    expected = [0.0, haversine_m(78.25, 15.7, 78.25, 15.8), haversine_m(78.3, 15.6, 78.35, 15.6)]
    assert distance_m[:3] == pytest.approx(expected, rel=1e-3)


def test_many_points_of_a_port_do_not_hide_its_neighbour() -> None:
    many = pd.DataFrame({"port_id": "a", "lat": 0.0, "lon": np.linspace(0.0, 0.001, 12)})
    ports = pd.concat([many, pd.DataFrame({"port_id": ["b"], "lat": [0.0], "lon": [0.03]})])
    rivals = rival_ports([0.0], [0.015], ports, 2000.0)
    assert rivals["port_id"].tolist() == ["a", "b"]
