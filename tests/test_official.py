"""Monthly calls against an office's own counts: files as offices write them, and the comparison by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from click.testing import CliRunner

from ais_berths import schema
from ais_berths.cli import main
from ais_berths.errors import EmptyInputError, InputError, MissingColumnsError
from ais_berths.evaluate import ScoreCard, compare_official, read_official
from ais_berths.ports import builtin_ports

if TYPE_CHECKING:
    from pathlib import Path

ROTTERDAM, ANTWERP = "31140", "31170"
NAMES = pd.Series({ROTTERDAM: "Rotterdam"})


@pytest.fixture(scope="module")
def ports() -> pd.DataFrame:
    return builtin_ports()


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "official.csv"
    file.write_text(text, encoding=encoding)
    return file


def figures(*rows: tuple[str, str, str, float | None, int]) -> pd.DataFrame:
    """Port, month, group, calls (None: suppressed), hours heard."""
    table = pd.DataFrame(rows, columns=["port_id", "period_start", "type_group", "value", "coverage"])
    table = table.assign(period="month", indicator="port_calls", part="", suppressed=table["value"].isna())
    return schema.conform(table, "indicators")


# reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["NLRTM", "NL RTM", "nlrtm", "Rotterdam", "ROTTERDAM", "31140"])
@pytest.mark.parametrize(
    "month",
    ["2024-03", "2024-3", "2024M03", "202403", "03/2024", "2024-03-01", "March 2024", "mar-2024", "2024 Mar"],
)
def test_ports_and_months_in_many_spellings(
    tmp_path: Path, ports: pd.DataFrame, port: str, month: str
) -> None:
    table, _ = read_official(write(tmp_path, f"port,period,calls\n{port},{month},12\n"), ports, {ROTTERDAM})
    assert table.to_numpy().tolist() == [[ROTTERDAM, "2024-03-01", "all", 12.0]]


def test_a_file_of_another_office(tmp_path: Path, ports: pd.DataFrame) -> None:
    """Semicolons, other names of columns, groups, thousands, counts that are missing or confidential."""
    text = (
        "Time period;UN/LOCODE;Vessel type;Visits;remark\n"
        "2024-03;NLRTM;Cargo;1.204;\n2024-03;NLRTM;Tankers;2 012;revised\n2024-04;NLRTM;cargo;:;\n"
        "2024-04;NLRTM;tanker;c;\n2024-04;NLRTM;Total;0;\n;;;;\n"
    )
    table, n_unknown = read_official(write(tmp_path, text, "utf-8-sig"), ports, {ROTTERDAM})
    assert table[["period_start", "type_group", "official"]].to_numpy().tolist() == [
        ["2024-03-01", "cargo", 1204.0],
        ["2024-03-01", "tanker", 2012.0],
        ["2024-04-01", "all", 0.0],
    ]
    assert n_unknown == 2


def test_everything_that_is_wrong_is_named_with_its_row(tmp_path: Path, ports: pd.DataFrame) -> None:
    rows = [
        "Rotterdm,2024-03,1",
        "NLRTM,2024-13,1",
        "NLRTM,2024Q1,1",
        "NLRTM,2024-03,many",
        "NLRTM,2024-03,-4",
        "NLRTM,2024-03,1.3",
    ]
    file = write(tmp_path, "port,period,calls\n" + "\n".join(rows))
    with pytest.raises(InputError) as error:
        read_official(file, ports, {ROTTERDAM})
    text = str(error.value)
    for part in (
        "row 2: there is no port 'Rotterdm'; near: 31140 Rotterdam",
        "row 3: the month is '2024-13', expected one such as 2024-03",
        "row 4: the month is '2024Q1'",
        "row 5: the number of calls is 'many', expected a whole number such as 412",
        "row 6: the number of calls is '-4'",
        "row 7: the number of calls is '1.3'",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("calls", "read"),
    [
        (["1.204", "149.000", "87"], [1204, 149000, 87]),
        (["149.000", "12.0"], [149, 12]),
        (["1204.000", "149.000"], [1204, 149]),
        (["1,204.000", "149.000", "2,000"], [1204, 149, 2000]),
        (["1.204,0", "2.000"], [1204, 2000]),
        (["1.149.000", "2.000"], [1149000, 2000]),
        (["1 204", "1\u202f204", "12'204", "1\u2019204"], [1204, 1204, 12204, 1204]),
        (["1 204 000,00", "3,0"], [1204000, 3]),
    ],
)
def test_marks_in_numbers_mean_the_same_in_a_whole_file(
    tmp_path: Path, ports: pd.DataFrame, calls: list[str], read: list[int]
) -> None:
    rows = [f"NLRTM;2024-{month:02d};{text}" for month, text in enumerate(calls, 1)]
    table, _ = read_official(write(tmp_path, "port;period;calls\n" + "\n".join(rows)), ports, {ROTTERDAM})
    assert table["official"].tolist() == read


@pytest.mark.parametrize(
    ("calls", "complaint"),
    [
        (["149.000", "87.000"], "row 2: the number of calls is '149.000', which may be 149 or 149000"),
        (
            ["2,000", "412"],
            "row 2: the number of calls is '2,000', which may be 2 or 2000; write digits",
        ),
        (["12.0", "1.204"], "row 3: the number of calls is '1.204', expected a whole number such as 412"),
        (["1.2.204", "1"], "row 2: the number of calls is '1.2.204', expected a whole number"),
        (["1.204,204", "1"], "row 2: the number of calls is '1.204,204', expected a whole number"),
        (["12,04", "1"], "row 2: the number of calls is '12,04', expected a whole number"),
    ],
)
def test_numbers_that_may_mean_two_things_are_refused(
    tmp_path: Path, ports: pd.DataFrame, calls: list[str], complaint: str
) -> None:
    rows = [f"NLRTM;2024-{month:02d};{text}" for month, text in enumerate(calls, 1)]
    with pytest.raises(InputError) as error:
        read_official(write(tmp_path, "port;period;calls\n" + "\n".join(rows)), ports, {ROTTERDAM})
    assert complaint in str(error.value)


def test_months_have_the_hours_of_their_time_zone() -> None:
    """On the last Sunday of March the clocks go forward."""
    official = pd.DataFrame(
        {"port_id": ROTTERDAM, "period_start": ["2024-03-01"], "type_group": "all", "official": [10.0]}
    )
    table = figures((ROTTERDAM, "2024-03-01", "all", 9.0, 743))
    for zone, hours in {"UTC": 744, "Europe/Amsterdam": 743}.items():
        assert compare_official(official, table, NAMES, timezone=zone).rows[0].period_h == hours


def test_errors_of_whole_files_are_plain(tmp_path: Path, ports: pd.DataFrame) -> None:
    with pytest.raises(MissingColumnsError, match=r"no column for period; it has port, calls"):
        read_official(write(tmp_path, "port,calls\nNLRTM,1\n"), ports, set())
    with pytest.raises(EmptyInputError, match="holds no counts"):
        read_official(write(tmp_path, "port,period,calls\nNLRTM,2024-03,:\n"), ports, set())
    with pytest.raises(InputError, match=r"row 3: port 31140 has two counts of 2024-03-01"):
        read_official(
            write(tmp_path, "port,period,calls\nNLRTM,2024-03,1\nRotterdam,2024M3,1\n"), ports, set()
        )
    with pytest.raises(InputError, match="vessel group is 'boats', expected all, cargo"):
        read_official(write(tmp_path, "port,period,group,calls\nNLRTM,2024-03,boats,1\n"), ports, set())
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_official(tmp_path / "none.csv", ports, set())


def test_a_name_that_fits_several_ports_is_looked_for_in_the_results(
    tmp_path: Path, ports: pd.DataFrame
) -> None:
    file = write(tmp_path, "port,period,calls\nPortland,2024-03,5\n")
    with pytest.raises(InputError, match=r"row 2: 'Portland' fits \d+ ports"):
        read_official(file, ports, set())
    one = ports.loc[ports["name"] == "Portland", "port_id"].iloc[-1]
    table, _ = read_official(file, ports, {one})
    assert table["port_id"].tolist() == [one]


# comparing -------------------------------------------------------------------------------------------


def test_differences_ratios_and_correlation() -> None:
    official = pd.DataFrame(
        {
            "port_id": ROTTERDAM,
            "period_start": [f"2024-0{month}-01" for month in (1, 2, 3, 4)],
            "type_group": "all",
            "official": [100.0, 200.0, 300.0, 50.0],
        }
    )
    found = figures(
        (ROTTERDAM, "2024-01-01", "all", 90, 744),
        (ROTTERDAM, "2024-02-01", "all", 180, 690),
        (ROTTERDAM, "2024-03-01", "all", 360, 743),
        (ROTTERDAM, "2024-05-01", "all", 999, 744),
    )
    scores = compare_official(official, found, NAMES)
    assert [row.difference for row in scores.rows] == [-10, -20, 60, None]
    assert [row.ratio for row in scores.rows] == [0.9, 0.9, 1.2, None]
    assert [(row.coverage_h, row.period_h) for row in scores.rows][:2] == [(744, 744), (690, 696)]
    assert scores.rows[3].note == "no results of this port and month"
    assert (scores.n_rows, scores.n_compared) == (4, 3)
    assert (scores.official, scores.found, scores.ratio) == (600, 630, 1.05)
    assert scores.median_error == pytest.approx(0.1)
    assert scores.correlation == pytest.approx(
        pd.Series([100, 200, 300]).corr(pd.Series([90, 180, 360])), abs=1e-6
    )


def test_calls_of_groups_are_parts_of_those_of_all_ships() -> None:
    official = pd.DataFrame(
        {
            "port_id": [ROTTERDAM, ROTTERDAM, ROTTERDAM, ANTWERP],
            "period_start": "2024-03-01",
            "type_group": ["all", "cargo", "tanker", "cargo"],
            "official": [100.0, 60.0, 30.0, 20.0],
        }
    )
    found = figures(
        (ROTTERDAM, "2024-03-01", "all", 90, 744),
        (ROTTERDAM, "2024-03-01", "cargo", 66, 744),
        (ROTTERDAM, "2024-03-01", "tanker", None, 744),
        (ANTWERP, "2024-03-01", "cargo", 18, 744),
    )
    scores = compare_official(official, found, NAMES)
    assert (scores.n_compared, scores.official, scores.found, scores.ratio) == (3, 120, 108, 0.9)
    assert "  official calls, of those compared, each once: 120\n" in ScoreCard(official=scores).to_text()


def test_what_cannot_be_compared_says_why() -> None:
    official = pd.DataFrame(
        {
            "port_id": [ROTTERDAM, ROTTERDAM, ANTWERP],
            "period_start": "2024-03-01",
            "type_group": ["tanker", "tug", "all"],
            "official": [5.0, 7.0, 0.0],
        }
    )
    scores = compare_official(official, figures((ROTTERDAM, "2024-03-01", "tanker", None, 744)), NAMES)
    assert "  found calls: 0\n" in ScoreCard(official=scores).to_text()
    notes = {(row.port_id, row.type_group): row.note for row in scores.rows}
    assert notes == {
        (ROTTERDAM, "tanker"): "suppressed",
        (ROTTERDAM, "tug"): "this group is not counted",
        (ANTWERP, "all"): "no results of this port and month",
    }
    assert (scores.n_compared, scores.ratio, scores.correlation) == (0, None, None)


def test_command_line(sample_out: Path, tmp_path: Path) -> None:
    month = pd.read_csv(sample_out / "indicators.csv", dtype={"port_id": str})
    month = month[(month["indicator"] == "port_calls") & (month["period"] == "month") & month["part"].isna()]
    shown = month[~month["suppressed"] & (month["value"] > 0)]
    lines = [
        f"{row.port_id},{row.period_start[:7]},{row.type_group},{int(row.value)}"
        for row in shown.itertuples()
    ]
    file = write(tmp_path, "port,month,ship type,port calls\n" + "\n".join(lines))
    run = CliRunner().invoke
    result = run(main, ["evaluate", str(sample_out), "--official", str(file), "--json"])
    assert result.exit_code == 0, result.output
    official = json.loads(result.output)["official"]
    assert official["n_compared"] == len(lines) > 0
    assert official["ratio"] == 1.0
    assert all(row["difference"] == 0 and row["coverage_h"] > 0 for row in official["rows"])
    text = run(main, ["evaluate", str(sample_out), "--official", str(file)]).output
    assert "Monthly calls against official counts" in text
    assert "2024-03" in text
    wrong = run(main, ["evaluate", str(sample_out)])
    assert "--official FILE" in wrong.output
