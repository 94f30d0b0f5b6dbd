"""The sample data that ships with the package, and how good the demo's result is against its truth."""

from __future__ import annotations

from pathlib import Path

from ais_berths.errors import InputError
from ais_berths.pipeline.score import score_out

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
