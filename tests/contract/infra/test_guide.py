"""The guide to the deployment names what there is: parameters, outputs, variables, resources."""

import re

import pytest

from tests.bicep import read
from tests.contract.infra.variants import INFRA, deployed
from tests.test_tidy import ROOT

GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
MAIN = read(INFRA / "main.bicep")
OPTIONAL = [
    name
    for name, one in MAIN.declarations.items()
    if one.kind == "param" and name not in ("environmentName", "location")
]
VARIABLES = re.findall(
    r"readEnvironmentVariable\('(\w+)'", (INFRA / "main.bicepparam").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", OPTIONAL)
def test_every_parameter_is_explained(name: str) -> None:
    assert re.search(rf"`{name}[`.]", GUIDE)


@pytest.mark.parametrize("name", [name for name in VARIABLES if name != "AZURE_PRINCIPAL_TYPE"])
def test_every_variable_is_set_in_the_example_or_has_its_sentence(name: str) -> None:
    assert name in GUIDE


def test_the_guide_names_no_parameter_or_variable_that_is_not_there() -> None:
    row = re.compile(r"^\| `(\w+)(?:\.\w+)?`", re.MULTILINE)
    choices = GUIDE.partition("## Choices")[2].partition("\n## ")[0]
    assert [name for name in row.findall(choices) if name not in MAIN.declarations] == []
    hooks = (ROOT / "scripts" / "azd-check").read_text(encoding="utf-8")
    known = [*VARIABLES, *re.findall(r"TIEOUT_\w+", hooks), "AZURE_ENV_NAME"]
    known += [*deployed().outputs, "TIEOUT_FUNCTION_KEY"]  # for the command
    given = re.findall(r"azd env set (\w+)|(?:export |\s)([A-Z_]+)=", GUIDE)
    named = [one or other for one, other in given]
    assert named
    assert [name for name in named if name not in known] == []


def test_the_guide_says_that_nobody_tried_it() -> None:
    assert "**Untried.**" in GUIDE
    assert "nobody has run them on Azure yet" in (ROOT / "README.md").read_text(encoding="utf-8")
