"""The workflows of GitHub Actions: pinned, with the least permissions, without a secret."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.serving import free_ports
from tests.test_tidy import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.iterdir())
READ = {"contents": "read"}
SIGN_IN = {"contents": "read", "id-token": "write"}  # a token for Azure, no secret
PERMISSIONS = {  # of a job that needs more than to read
    ("infra.yml", "what-if"): SIGN_IN,
    ("deploy.yml", "release"): {"contents": "write"},
    ("deploy.yml", "deploy"): SIGN_IN,
}
ENVIRONMENTS = {("infra.yml", "what-if"): "preview", ("deploy.yml", "deploy"): "production"}
PINNED = re.compile(r"[A-Za-z-]+/[a-z-]+@[0-9a-f]{40}")
MINUTES_MAX = 60

type Json = dict[Any, Any]


def read(name: str) -> Json:
    loaded: Json = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def jobs() -> Iterator[tuple[str, str, Json]]:
    for name in WORKFLOWS:
        for job, body in read(name)["jobs"].items():
            yield name, job, body


def steps() -> Iterator[tuple[str, str, Json]]:
    for name, job, body in jobs():
        for step in body["steps"]:
            yield name, job, step


def test_there_are_workflows_and_no_other_files() -> None:
    assert WORKFLOWS == ["check.yml", "deploy.yml", "infra.yml"]


def test_every_action_is_pinned_to_a_commit_with_its_version_beside() -> None:
    used = [step["uses"] for _, _, step in steps() if "uses" in step]
    assert len(used) > 10
    assert [use for use in used if not PINNED.fullmatch(use)] == []
    for name in WORKFLOWS:
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_an_action_has_one_pin() -> None:
    used = sorted({step["uses"] for _, _, step in steps() if "uses" in step})
    assert len(used) == len({use.partition("@")[0] for use in used})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_read_and_a_job_no_more_than_it_needs(name: str) -> None:
    assert read(name)["permissions"] == READ
    for job, body in read(name)["jobs"].items():
        assert body.get("permissions", READ) == PERMISSIONS.get((name, job), READ), job


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_secret_is_used_and_no_foreign_code_runs_with_rights(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert not re.search(r"(sk|rk)_(live|test)_|whsec_|AccountKey=|SharedAccessKey=", text)
    assert not re.search(r"(?i)(password|client-secret|creds):", text)


def test_no_expression_is_pasted_into_a_script() -> None:
    """A title or a tag could hold a command; an environment variable cannot."""
    scripts = [step["run"] for _, _, step in steps() if "run" in step]
    assert len(scripts) > 10
    assert [script for script in scripts if "${{" in script] == []


def test_a_checkout_keeps_no_credentials() -> None:
    checkouts = [s for _, _, s in steps() if s.get("uses", "").startswith("actions/checkout@")]
    assert [one["with"]["persist-credentials"] for one in checkouts] == [False] * len(checkouts)


def test_every_job_ends_in_time_on_a_named_system() -> None:
    for name, job, body in jobs():
        assert body["timeout-minutes"] <= MINUTES_MAX, (name, job)
        assert re.fullmatch(r"ubuntu-\d\d\.04", body["runs-on"]), (name, job)


def test_azure_is_reached_from_a_protected_environment_alone() -> None:
    for name, job, body in jobs():
        signs_in = any("login@" in step.get("uses", "") for step in body["steps"])
        assert body.get("environment") == ENVIRONMENTS.get((name, job)), (name, job)
        assert signs_in is ((name, job) in ENVIRONMENTS), (name, job)


def test_a_deployment_takes_a_package_that_was_released_and_checks_it() -> None:
    body = read("deploy.yml")["jobs"]["deploy"]
    assert body["needs"] == "release"
    scripts = [step.get("run", "") for step in body["steps"]]
    order = ["gh release download", "sha256sum --check", "config-zip", "wait-for-version"]
    places = [next(i for i, text in enumerate(scripts) if word in text) for word in order]
    assert places == sorted(places)
    assert not any("make package" in text for text in scripts)


def test_a_rollback_leaves_the_templates_alone() -> None:
    (templates,) = [s for _, _, s in steps() if "deployment sub create" in s.get("run", "")]
    assert templates["if"] == "github.event_name == 'push'"
    assert "workflow_dispatch" in read("deploy.yml")[True]  # YAML 1.1 reads `on` as true


@pytest.mark.parametrize(("name", "job"), ENVIRONMENTS)
def test_every_variable_of_the_parameters_is_given(name: str, job: str) -> None:
    parameters = (ROOT / "infra/main.bicepparam").read_text(encoding="utf-8")
    needed = re.findall(r"readEnvironmentVariable\('(\w+)'", parameters)
    of_azd = ("AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE")  # a person who puts the secrets in
    given = read(name)["jobs"][job]["env"]
    assert [one for one in needed if one not in given and one not in of_azd] == []


def test_every_target_and_script_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for _, _, step in steps():
        words = step.get("run", "").split()
        if words[:1] == ["make"]:
            assert [target for target in words[1:] if f"\n{target}:" not in makefile] == []
        elif words and words[0].startswith(("scripts/", ".ci/")):
            assert (ROOT / words[0]).is_file()


def wait_for(url: str, version: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ROOT / "scripts" / "wait-for-version", url, version],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "ATTEMPTS_MAX": "2", "WAIT_SECONDS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_version_that_does_not_come_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = wait_for(f"http://127.0.0.1:{port}", "0.1.0")
    assert done.returncode == 1
    assert "does not answer with version 0.1.0 after 2 attempts" in done.stderr
    assert "roll back" in done.stderr


def test_only_the_whole_version_counts(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "health").write_text('{"status": "alive", "version": "0.1.0"}')
    url = tmp_path.as_uri()
    assert wait_for(url, "0.1.0").returncode == 0
    assert wait_for(url, "0.1").returncode == 1
