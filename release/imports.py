"""Imports every module of an unpacked package and prints how many functions it has.

A script of its own: it runs in the environment of the package (`release.alone`). Arguments: the
folder of the package, then the names of its modules.
"""

import importlib
import sys
from pathlib import Path

OURS = ("function_app", "functions", "shared", "local", "cli", "bench", "release")
FUNCTIONS_MIN = 20
SHOWN_MAX = 3


def main(home: Path, modules: list[str]) -> None:
    """Exit 1 with the reason where the package is not whole."""
    for module in modules:
        importlib.import_module(module)
    outside = [
        f"{name} from {module.__file__}"
        for name, module in sys.modules.items()
        if name.partition(".")[0] in OURS
        and module.__file__
        and not Path(module.__file__).is_relative_to(home)
    ]
    if outside:
        sys.exit("not of the package: " + "; ".join(outside[:SHOWN_MAX]))
    app = importlib.import_module("function_app").app
    importlib.import_module("shared.packaged").packaged_mapping()
    count = len(list(app.get_functions()))
    if count < FUNCTIONS_MIN:
        sys.exit(f"the package has {count} functions, at least {FUNCTIONS_MIN} were expected")
    print(count)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
