"""The sample data that comes with the package, and the quality of the demo's result."""

from __future__ import annotations

from pathlib import Path

from ais_berths.errors import InputError
from ais_berths.pipeline.score import score_out
from ais_berths.tables import read_table

NEW_YORK = (-74.35, 40.35, -73.6, 40.9)
"""West, south, east and north (deg) of a box around the real sample."""

_BASIS = {
    "antenna": "antenna offsets that ships sent",
    "learned": "sizes that ships sent, antenna position learned from the data",
    "prior": "sizes that ships sent, antenna position usual for such ships",
    "type": "sizes usual for such ships",
    "point": "positions of antennas only, as no direction is known",
    "buoy": "circles around a mooring buoy",
}
_HERE = Path(__file__).resolve().parent


def folder() -> Path:
    """Folder of the samples: inside an installed package, or in the checkout.

    Raises
    ------
    InputError
        The samples are in neither place.

    Examples
    --------
    >>> sorted(path.name for path in folder().iterdir() if path.is_dir())
    ['new_york', 'simulated']
    """
    places = (_HERE / "data" / "sample", _HERE.parent / "data" / "sample")
    found = next((place for place in places if (place / "simulated").is_dir()), None)
    if found is None:
        raise InputError(f"the sample data is not in {places[0]}; install ais-berths again")
    return found


def describe(out: str | Path) -> str:
    """Say what the berths of an output folder rest on.

    Returns
    -------
    A heading, and a line for what most footprints of a berth rest on.
    """
    berths = read_table(Path(out) / "berths.parquet", "berths", ["n_stops", "hull_basis"])
    count = berths["hull_basis"].fillna("buoy").value_counts()
    often = int((berths["n_stops"] > 1).sum())
    lines = [f"{len(berths)} berths, {often} of them used more than once. Their polygons rest on:"]
    lines += [f"  {count[basis]:>6}  {text}" for basis, text in _BASIS.items() if basis in count]
    return "\n".join(lines)


def score(out: str | Path, truth_folder: str | Path) -> str:
    """Say how the berths of an output folder compare with the truth of the sample.

    Parameters
    ----------
    out
        Output folder of the simulated sample.
    truth_folder
        The folder ``truth`` beside its feed.

    Returns
    -------
    A heading and two lines: precision, recall and F1 at intersection over union 0.5, of the commercial
    berths and of all.
    """
    truth = Path(truth_folder) / "berths.geojson"
    lines = ["Berths against the truth of the simulated port (a berth is found at IoU 0.5)"]
    for name, uses in (("commercial", ("commercial",)), ("all", ())):
        berths = score_out(out, truth, uses=uses).berths
        if berths is None:
            raise InputError(f"{truth} holds no polygons; expected the truth of the simulated sample")
        found = berths.at_iou_50
        lines.append(
            f"  {name:<11} precision {found.precision:.2f}, recall {found.recall:.2f}, F1 {found.f1:.2f} "
            f"({found.n_found} found, {found.n_true} true, {found.n_matched} both)"
        )
    return "\n".join(lines)
