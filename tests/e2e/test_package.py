"""The package, unpacked into an empty folder, on the local host: the smoke test of the webhook."""

import json
from pathlib import Path

from release.alone import command, output_of, unpack
from release.package import ROOT, build
from shared.version import VERSION

STORY = ROOT / "tests" / "e2e" / "packaged_world.py"


def test_the_package_takes_a_signed_event_from_an_empty_folder_into_dynamics(
    tmp_path: Path,
) -> None:
    home = unpack(build(ROOT, tmp_path / "app.zip").path, tmp_path / "app")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    told = json.loads(output_of(command(home, STORY, str(home), beside=ROOT), elsewhere))
    assert told == {
        "health": {"status": "alive", "version": VERSION},
        "signed": [202, "accepted"],
        "forged": [400, "bad_signature"],
        "accounts": ["Ada"],
        "outside": [],
    }
