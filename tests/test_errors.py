"""Errors: small, built on built-ins, and everything that is wrong said at once."""

from __future__ import annotations

import pytest

from ais_berths import errors
from ais_berths.errors import AisBerthsError, Complaints, ConfigError, InputError, OutputError, PortError

BUILT_INS = {
    "InputError": ValueError,
    "MissingColumnsError": ValueError,
    "EmptyInputError": ValueError,
    "ConfigError": ValueError,
    "PortError": LookupError,
    "OutputError": OSError,
    "ClusterError": RuntimeError,
    "DependencyError": ImportError,
}


def own_errors() -> dict[str, type[AisBerthsError]]:
    """All errors of the module but for the base."""
    found = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    return {
        name: kind
        for name, kind in found.items()
        if issubclass(kind, AisBerthsError) and kind is not AisBerthsError
    }


def test_every_error_is_known_here() -> None:
    assert set(own_errors()) == set(BUILT_INS)


@pytest.mark.parametrize("name", BUILT_INS)
def test_one_base_and_one_built_in(name: str) -> None:
    """Who does not know this package can still catch the built-in."""
    with pytest.raises(BUILT_INS[name]):
        raise own_errors()[name]("what happened")


@pytest.mark.parametrize("name", BUILT_INS)
def test_the_message_is_shown_as_it_is(name: str) -> None:
    """`LookupError` and `OSError` would put quotes or numbers around it."""
    assert str(own_errors()[name]("no port 'Rotterdm'; did you mean Rotterdam?")) == (
        "no port 'Rotterdm'; did you mean Rotterdam?"
    )


@pytest.mark.parametrize("kind", [PortError, OutputError])
def test_errors_without_a_message_are_empty(kind: type[AisBerthsError]) -> None:
    assert str(kind()) == ""


def test_missing_columns_and_empty_inputs_are_input_errors() -> None:
    assert issubclass(errors.MissingColumnsError, InputError)
    assert issubclass(errors.EmptyInputError, InputError)


def test_no_complaint_raises_nothing() -> None:
    Complaints().raise_if_any(ConfigError, "The configuration cannot be used")


def test_one_complaint_is_one_line() -> None:
    complaints = Complaints()
    complaints.add("radius_nm is -1")
    with pytest.raises(ConfigError) as caught:
        complaints.raise_if_any(ConfigError, "bad.toml cannot be used")
    assert str(caught.value) == "bad.toml cannot be used: radius_nm is -1"


def test_several_complaints_are_all_listed_in_order() -> None:
    complaints = Complaints(["first"])
    complaints.add("second")
    with pytest.raises(InputError) as caught:
        complaints.raise_if_any(InputError, "a.csv cannot be read")
    assert str(caught.value) == "a.csv cannot be read:\n  - first\n  - second"


def test_complaints_do_not_share_their_list() -> None:
    given = ["first"]
    Complaints(given).add("second")
    assert given == ["first"]
    assert Complaints().found == []
