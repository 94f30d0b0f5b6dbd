"""``python -m ais_berths`` is the command line."""

from ais_berths.cli import main

main(prog_name="ais-berths")
