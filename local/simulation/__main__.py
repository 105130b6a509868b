"""`python -m local.simulation --seeds 200`, or `--seed 7`."""

import argparse
import sys
from pathlib import Path

from local.simulation.command import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m local.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone, with its digest")
    parser.add_argument("--timeline", type=Path, help="folder for timelines")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    sys.exit(main(given.seeds, given.first, given.seed, given.timeline, given.jobs))
