"""Distance from the antenna to the middle of the hull, learned where the offsets were not sent.

Each ship has a probability over its antenna ratio A / (A + B). It starts from the usual ratio of the vessel
group, from offsets that were sent, and from the turns of the ship under way. It is then updated in rounds
from the neighbours of its stops: the middles of different ships at one berth coincide; a ship that lies
bow-in one day and bow-out another has its middle half-way between both antenna positions; ships moored at the
same time do not overlap. Last, the side of the quay follows from hulls that touch one line (`sides`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import antennas
from ais_berths.evidence import add_rows, whole
from ais_berths.levers import levers_by, ratio_likelihood
from ais_berths.neighbours import Moored, Neighbours
from ais_berths.sides import sides_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import HullsConfig
    from ais_berths.geo import Floats
    from ais_berths.neighbours import Pairs
    from ais_berths.shelf import Shelf

# Rounds of updates, and the error that remains where the antenna is known (m).
_ROUNDS, _KNOWN_ERROR_M = 6, 3.0
# Share of a ship, spread evenly along it, that is added to its neighbours, so that few of them prove nothing.
_DOUBT, _DOUBT_SENT = 0.06, 0.3
# How often offsets that were sent are right, have bow and stern exchanged, or are worthless; spread of a
# ratio that was sent; a learned ratio this near to it confirms it.
_RIGHT, _EXCHANGED, _WRONG = 0.9, 0.04, 0.06
_SPIKE, _AS_SENT = 0.0125, 0.1
# Which end is the bow is undecided if the probability of an exchange is this near to one half.
_OPEN = 0.2
# The middles of ships of one berth lie apart by this share of the difference of their lengths, besides play.
_PLAY_SHARE = 0.04
# Overlap of ships moored at once that is tolerated (m), and by how much more it is impossible (m); what each
# overlap and all together take off the log-likelihood of a ratio.
_OVERLAP_M, _MORE_OVERLAP_M, _CLASH, _MOST_CLASH = 5.0, 25.0, 3.0, 6.0


def find_offsets(portions: Shelf[MooredPortion], config: HullsConfig) -> Shelf[pd.DataFrame]:
    """Find where the middle of each hull lies, seen from its antenna.

    A ship has one antenna, so one probability over the ratios for all its stops, wherever they are. In each
    round the stops compare themselves with the assumed middles of their neighbours, which updates the ship.

    Parameters
    ----------
    portions
        The moored stops, in portions that share no place.
    config
        The section ``hulls`` of the settings.

    Returns
    -------
    For each stop of a portion ``ahead_m`` and ``right_m`` from the antenna to the middle of the hull,
    ``heading_deg`` after bow and stern were told apart, ``hull_basis`` (antenna, learned, prior or type) and
    ``error_m``.
    """
    results = portions.each(MooredPortion.before_rounds)
    known = Likelihoods.none(np.concatenate([result.mmsi for result in results]))
    for _ in range(_ROUNDS):
        results = portions.each(MooredPortion.compare, results, known=known, config=config)
        known = Likelihoods.none(known.mmsi)
        for result in results:
            known.add(result.mmsi, result.rows)
    return portions.each(MooredPortion.offsets, results, known=known, config=config)


@dataclass(frozen=True)
class Likelihoods:
    """Log-likelihood of each antenna ratio given all stops of a ship, one row for each MMSI."""

    mmsi: NDArray[np.int64]
    rows: Floats

    @classmethod
    def none(cls, mmsi: NDArray[np.int64]) -> Likelihoods:
        """Begin without evidence on any ship."""
        ships = np.unique(mmsi)
        return cls(ships, np.zeros((len(ships), len(antennas.RATIOS))))

    def add(self, mmsi: NDArray[np.int64], rows: Floats) -> None:
        """Add those of one portion (in place); the sums are exact in any order."""
        self.rows[np.searchsorted(self.mmsi, mmsi)] += rows

    def of(self, mmsi: NDArray[np.int64]) -> Floats:
        """Rows of some ships."""
        return self.rows[np.searchsorted(self.mmsi, mmsi)]


@dataclass(frozen=True)
class RoundResult:
    """Result of one round for one portion.

    ``rows`` is the log-likelihood of each ratio for each ship, in the order of ``mmsi``. ``flip`` is the
    probability that bow and stern of each stop are exchanged, as of the round before. ``axes`` are blocks of
    the stops for which that is open, with the log-likelihood of each ratio at these stops.
    """

    mmsi: NDArray[np.int64]
    rows: Floats
    flip: Floats
    axes: list[tuple[NDArray[np.intp], NDArray[np.float32]]]


@dataclass(frozen=True)
class MooredPortion:
    """The moored stops of one portion, and what is known of them before the first round.

    ``mmsi`` is ascending. ``usual`` is the probability of each ratio by vessel group and offsets sent,
    ``prior`` the same after the turns of the ship, with a row for each kind of stop; ``weight`` is how much
    each stop counts.
    """

    mmsi: NDArray[np.int64]
    moored: Moored
    near: Neighbours
    sized: NDArray[np.bool_]
    usual: Floats
    prior: Floats
    weight: Floats

    @classmethod
    def of(
        cls,
        stops: pd.DataFrame,
        ships: pd.DataFrame,
        config: HullsConfig,
    ) -> MooredPortion:
        """Prepare moored stops.

        Parameters
        ----------
        stops
            Moored stops: ``mmsi lat lon start_time end_time lever_m lever_error_m``.
        ships
            Group, length, width and offsets of the ship of each stop, in the same order; see
            `ais_berths.sizes.describe_ships`. With them ``heading_deg``, heading or axis of the stop, nan
            where nothing is known, and ``turned``, the probability that bow and stern are exchanged: 0 where
            the heading was sent, 0.5 for a mere axis.
        config
            The section ``hulls`` of the settings.
        """
        moored = Moored.of(stops, ships)
        usual = _prior(moored, ships["group"].to_numpy(dtype=object))
        prior = usual * _turns(moored, stops, ships)
        return cls(
            mmsi=np.unique(stops["mmsi"].to_numpy(dtype=np.int64)),
            moored=moored,
            near=Neighbours(moored, config.neighbours),
            sized=ships["sized"].to_numpy(dtype=bool),
            usual=usual,
            prior=prior / prior.sum(axis=1, keepdims=True),
            weight=_visit_weights(moored),
        )

    def before_rounds(self) -> RoundResult:
        """Return the state before the first round."""
        nothing = np.zeros((len(self.mmsi), len(antennas.RATIOS)))
        return RoundResult(self.mmsi, nothing, self.moored.turned, [])

    def compare(self, before: RoundResult, known: Likelihoods, config: HullsConfig) -> RoundResult:
        """Compare all stops with their neighbours, whose middles are assumed as after the round before."""
        moored = self.moored
        belief, flip = self._beliefs(before, known)
        ratio, trust, _ = (values[moored.kind] for values in _describe(belief))
        shift = (ratio - 0.5) * moored.length
        result = self.before_rounds()
        for stops, pairs in self.near:
            forward = _evidence(moored, pairs, stops, shift, trust, flip, self.weight, config)
            # A ship that lies the other way round has its middle on the other side of the antenna.
            p_back = moored.turned[stops, None]
            mixed = np.log((1.0 - p_back) * np.exp(forward) + p_back * np.exp(forward[:, ::-1]))
            by_ship = np.argsort(moored.vessel[stops], kind="stable")
            # Rounded, as the stops of a ship are added up in no fixed order.
            weighed = whole(self.weight[stops, None] * mixed)[by_ship]
            add_rows(result.rows, moored.vessel[stops][by_ship], weighed)
            axis = moored.turned[stops] > 0.0
            result.axes.append((stops[axis], forward[axis].astype(np.float32)))
        return replace(result, flip=flip)

    def offsets(self, before: RoundResult, known: Likelihoods, config: HullsConfig) -> pd.DataFrame:
        """Distance from the antenna to the middle of the hull for each stop, after the last round."""
        moored = self.moored
        ahead, error, flipped, as_sent = _along(moored, *self._beliefs(before, known))
        right = sides_of(moored, self.near, ahead, flipped, as_sent)
        heading = np.where(moored.directed, moored.heading, np.nan)
        heading = np.where(flipped, (heading + 180.0) % 360.0, heading)
        known_before = np.select([moored.known, self.sized], ["antenna", "prior"], "type")
        usual_ratio, _, variance = (values[moored.kind] for values in _describe(self.usual))
        usual_error = moored.length * np.sqrt(variance)
        elsewhere = np.abs(ahead - (usual_ratio - 0.5) * moored.length) > usual_error
        learned = (known_before == "prior") & (elsewhere | (error < config.learned_gain * usual_error))
        return pd.DataFrame(
            {
                "ahead_m": ahead,
                "right_m": right,
                "heading_deg": heading,
                "hull_basis": np.where(learned, "learned", known_before),
                "error_m": np.hypot(error, _KNOWN_ERROR_M),
            }
        )

    def _beliefs(self, before: RoundResult, known: Likelihoods) -> tuple[Floats, Floats]:
        """Probability of each ratio for each kind of stop, and of exchanged bow and stern for each stop."""
        moored = self.moored
        ship = np.empty(len(self.prior), dtype=np.intp)
        ship[moored.kind] = moored.vessel
        log = np.log(self.prior + 1e-12) + known.of(self.mmsi)[ship]
        belief = np.exp(log - log.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
        flip = before.flip.copy()
        for stops, log_there in before.axes:
            of_ship, turned, likely = belief[moored.kind[stops]], moored.turned[stops], np.exp(log_there)
            ahead = (1.0 - turned) * (of_ship * likely).sum(axis=1)
            astern = turned * (of_ship * likely[:, ::-1]).sum(axis=1)
            flip[stops] = astern / (ahead + astern)
        return belief, flip


def _prior(moored: Moored, group: NDArray[np.object_]) -> Floats:
    """Probability of each ratio by vessel group and offsets sent, one row for each kind of stop."""
    first = np.unique(moored.kind, return_index=True)[1]
    prior = antennas.ratio_density(group[first], moored.length[first], antennas.RATIOS)
    known = moored.known[first]
    # Sent offsets are wrong now and then, mostly bow and stern exchanged.
    sent = _spike(moored.ratio[first][known])
    prior[known] = _RIGHT * sent + _EXCHANGED * sent[:, ::-1] + _WRONG * prior[known]
    return prior


def _turns(moored: Moored, stops: pd.DataFrame, ships: pd.DataFrame) -> Floats:
    """Likelihood of each ratio given the turns of the ship under way, one row for each kind of stop."""
    first, lever, error = levers_by(stops, moored.kind)
    group = ships["group"].to_numpy(dtype=object)[first]
    return ratio_likelihood(lever, error, group, moored.length[first], antennas.RATIOS, moored.known[first])


def _along(
    moored: Moored, belief: Floats, flip: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Decide how far ahead of the antenna the middle of each hull lies, and which end is the bow.

    Returns
    -------
    Metres ahead and their error; stops whose bow is at the other end; stops where the offsets that the ship
    sent are confirmed.
    """
    ratio, _, variance = (values[moored.kind] for values in _describe(belief))
    as_sent = moored.known & (np.abs(ratio - moored.ratio) < _AS_SENT)
    ratio = np.where(as_sent, moored.ratio, ratio)
    sd = np.where(as_sent, 0.0, np.sqrt(variance))
    undecided = moored.axis_only & (np.abs(flip - 0.5) < _OPEN)
    half = (ratio - 0.5) * moored.length
    ahead_m = np.where(undecided, 0.0, half)
    exchanged = 2.0 * np.abs(half) * np.sqrt(flip * (1.0 - flip))
    error = np.where(undecided, np.abs(half), np.hypot(sd * moored.length, exchanged))
    return ahead_m, error, moored.axis_only & (flip > 0.5) & ~undecided, as_sent & ~undecided


def _evidence(
    moored: Moored,
    pairs: Pairs,
    stops: NDArray[np.intp],
    shift: Floats,
    trust: Floats,
    flip: Floats,
    weight: Floats,
    config: HullsConfig,
) -> Floats:
    """Log-likelihood of each ratio at some stops, given the assumed middles of their neighbours."""
    own_length = moored.length[stops]
    density, clash = (np.zeros((len(stops), len(antennas.RATIOS))) for _ in range(2))
    own_ahead = moored.length[pairs.i, None] * (antennas.RATIOS - 0.5)[None, :]
    for way, likely in ((1.0, 1.0 - flip), (-1.0, flip)):
        counts = np.where(pairs.facing, way > 0.0, _weight_of(moored, pairs.i, pairs.j, trust, likely))
        # Middle of j along the heading of i, measured from the antenna of i. For one ship at two times facing
        # both ways, the middle is half-way between its antennas, whatever its ratio is.
        middle = pairs.along + way * pairs.same_way * shift[pairs.j]
        middle = np.where(pairs.facing, pairs.along / 2.0, middle)
        use = pairs.same_berth & (counts > 0.0)
        i, j = pairs.i[use], pairs.j[use]
        sigma = config.berth_play_m + _PLAY_SHARE * np.abs(moored.length[i] - moored.length[j])
        apart = own_ahead[use] - middle[use, None]
        bell = np.exp(-0.5 * (apart / sigma[:, None]) ** 2)
        # Repeated visits of another ship count little more than one.
        once = counts[use] * np.where(pairs.facing[use], 1.0, weight[j])
        # A normal distribution; 2.5066 is the root of 2 pi.
        add_rows(density, pairs.row[use], (once / (2.5066 * sigma))[:, None] * bell)
        use = pairs.together & (counts > 0.0)
        i, j = pairs.i[use], pairs.j[use]
        reach = 0.5 * (moored.length[i] + moored.length[j])
        apart = np.abs(own_ahead[use] - middle[use, None])
        overlap = np.clip((reach[:, None] - apart - _OVERLAP_M) / _MORE_OVERLAP_M, 0.0, 1.0)
        add_rows(clash, pairs.row[use], counts[use, None] * overlap)
    # A uniform density along the ship keeps a single neighbour from being certain.
    doubt = np.where(moored.known[stops], _DOUBT_SENT, _DOUBT) / np.maximum(own_length, 20.0)
    log = np.log(doubt[:, None] + density) - np.minimum(_CLASH * clash, _MOST_CLASH)
    result: Floats = log - log.max(axis=1, keepdims=True)
    return result


def _weight_of(
    moored: Moored, i: NDArray[np.intp], j: NDArray[np.intp], trust: Floats, likely: Floats
) -> Floats:
    """How much `j` counts for `i` if it lies one way round, which has the probability `likely`.

    If the bow of `i` is open, `j` counts both ways by their probabilities, as one of them may agree with the
    bow of `i`. Otherwise it counts by how much likelier one way is than the other, and not at all if `i` sent
    heading and offsets and the bow of `j` is a guess.
    """
    open_bow = moored.axis_only[i]
    guess = moored.known[i] & ~open_bow & moored.axis_only[j]
    way = np.where(open_bow, likely[j], np.maximum(2.0 * likely[j] - 1.0, 0.0))
    return np.where(guess, 0.0, trust[j] * way)


def _visit_weights(moored: Moored) -> Floats:
    """Weight of each stop: repeated visits of a ship to one place, the same way round, count little more."""
    place = pd.DataFrame(
        {
            "vessel": moored.vessel,
            "way": np.round(moored.heading / 90.0),
            "lat": np.round(moored.lat, 3),
            "lon": np.round(moored.lon, 3),
        }
    )
    n = place.groupby(["vessel", "way", "lat", "lon"])["vessel"].transform("size").to_numpy()
    return np.asarray(1.0 / np.sqrt(n) ** 1.5)


def _spike(ratio: Floats) -> Floats:
    weight = np.exp(-0.5 * ((antennas.RATIOS[None, :] - ratio[:, None]) / _SPIKE) ** 2)
    result: Floats = weight / weight.sum(axis=1, keepdims=True)
    return result


def _describe(density: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean around the peak of each density, the mass there, and the variance of the whole about that mean."""
    top = density.argmax(axis=1)
    near = np.abs(antennas.RATIOS[None, :] - antennas.RATIOS[top][:, None]) <= 0.1
    mass = np.where(near, density, 0.0)
    total = mass.sum(axis=1)
    centre = (mass * antennas.RATIOS).sum(axis=1) / total
    return centre, total, (density * (antennas.RATIOS[None, :] - centre[:, None]) ** 2).sum(axis=1)
