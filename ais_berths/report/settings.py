"""What a report shows and how much of it: limits, and the rule of the public profile."""

from __future__ import annotations

from pydantic import Field

from ais_berths.config import Section


class ReportSettings(Section):
    """Limits of a report. A limit that cuts something off is said in the report itself."""

    min_vessels: int = Field(
        3, ge=2, description="public profile: no figure rests on fewer different vessels than this"
    )
    max_ports: int = Field(12, ge=1, description="ports shown in full; the others stand in the overview only")
    max_visits: int = Field(6000, ge=1, description="visits listed for a port, the latest ones")
    max_stops: int = Field(2000, ge=0, description="stops drawn on the map of a port, evenly over time")
    max_berths: int = Field(1500, ge=1, description="berths drawn on the map of a port, the busiest ones")
    max_rows: int = Field(60, ge=5, description="berths in the occupancy chart of a port, the busiest ones")
    map_columns: int = Field(360, ge=10, le=2000, description="columns of the grid of vessels on the map")
