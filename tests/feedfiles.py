"""One ship at rest for a day, as the text of a file: what the tests of bad input spoil."""

HEADER = "MMSI,BaseDateTime,LAT,LON,SOG\n"
ROWS = "".join(
    f"367000001,2024-03-01T{hour:02d}:{minute:02d}:00,45.01,-29.95,0.0\n"
    for hour in range(24)
    for minute in range(0, 60, 5)
)
PORTS = "name,lat,lon\nTestport,45.0,-30.0\n"
"""A port list with the port that it lies in."""
