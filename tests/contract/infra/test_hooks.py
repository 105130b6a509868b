"""What azd runs before and after: the variables it asks for, the steps it prints."""

import re
import subprocess

import pytest
import yaml

from cli.setup.vault import secret_name
from tests.contract.infra.variants import INFRA, VARIABLES, configured, deployed
from tests.test_tidy import ROOT

SECONDS_MAX = 30


def run(script: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / script],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_azd_deploys_this_folder_with_these_templates_and_hooks() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert project["infra"] == {"provider": "bicep", "path": "infra", "module": "main"}
    (service,) = project["services"]
    app = deployed().one("Microsoft.Web/sites")
    assert app.body["tags"]["azd-service-name"] == service
    assert project["services"][service] == {"project": ".", "language": "py", "host": "function"}
    scripts = [hook["run"] for hook in project["hooks"].values()]
    assert scripts == ["scripts/azd-check", "scripts/azd-next-steps"]
    assert all((ROOT / script).stat().st_mode & 0o100 for script in scripts)


def test_the_check_names_every_variable_that_has_no_default() -> None:
    text = (INFRA / "main.bicepparam").read_text(encoding="utf-8")
    needed = re.findall(r"readEnvironmentVariable\('(\w+)'\)", text)
    ours = [name for name in needed if not name.startswith("AZURE_")]  # azd asks for those
    status, said = run("azd-check")
    assert status == 1
    assert ours
    assert [name for name in ours if f"{name} is missing" not in said] == []
    assert "infra/books.json holds an example" in said


def test_the_check_is_silent_when_everything_is_there() -> None:
    assert run("azd-check", **VARIABLES, TIEOUT_BOOKS_READY="true") == (0, "")


def steps(**changes: str) -> str:
    status, said = run("azd-next-steps", **{**deployed().outputs, **changes})
    assert status == 0, said
    return said


def test_the_next_steps_name_what_was_deployed_and_what_a_person_does() -> None:
    said, outputs = steps(), deployed().outputs
    for name in (
        *("TIEOUT_WEBHOOK_URL", "TIEOUT_VAULT_NAME", "TIEOUT_APP_NAME", "AZURE_RESOURCE_GROUP"),
        *("TIEOUT_URL", "TIEOUT_IDENTITY_CLIENT_ID"),
    ):
        assert str(outputs[name]) in said, name
    for word in ("restricted key", "tieout setup", "journal names", "en-US"):
        assert word in said
    assert "dynamics-client-secret" not in said
    assert "dynamics-send" not in said


def test_the_secrets_that_a_person_stores_are_those_that_the_app_reads() -> None:
    made = configured(dynamicsSignIn="clientSecret", dynamicsClientId="x")
    settings = made.one("Microsoft.Web/sites/config", "appSettings").properties
    read = [re.findall(r"/secrets/([a-z-]+)\)", str(value)) for value in settings.values()]
    said = steps(TIEOUT_DYNAMICS_SIGN_IN="clientSecret")
    stored = [*re.findall(r"--name ([a-z-]+) --file", said), secret_name("default", "default")]
    assert f"as {stored[-1]}" in said  # tieout setup stores it
    assert sorted(stored) == sorted(name for names in read for name in names)


def test_business_events_bring_their_own_step() -> None:
    said = steps(TIEOUT_EVENTS_NAMESPACE="sbns-x-events")
    assert "dynamics-send" in said
    assert "sbns-x-events" in said


@pytest.mark.parametrize("name", ["TIEOUT_VAULT_NAME", "TIEOUT_URL"])
def test_without_the_outputs_of_the_template_the_steps_are_refused(name: str) -> None:
    outputs = {key: str(value) for key, value in deployed().outputs.items() if key != name}
    assert run("azd-next-steps", **outputs)[0] != 0
