"""The page docs/settings.md: every setting, derived from the model, the template and one text each.

Name, default, bounds and whether a value is secret come from `shared/settings.py`; where it is set
comes from `infra/modules/app_settings.bicep`. What it means, and an example, stand here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from release.setting_texts import TEXTS
from shared.settings import VARIABLES, Settings, Variable

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra" / "modules" / "app_settings.bicep"
HEADING = """# Settings

Generated from the settings model (`make docs`); do not edit. All settings are environment
variables: app settings on Azure, `Values` of `local.settings.json` on your machine.
`GET /api/ready` reports all that are missing or wrong at once, by name. On Azure the templates set
them: the column *set in* names the parameter of `infra/main.bicep` to change, or the secret of the
vault. An empty value is the default.

"""
COLUMNS = """| setting | meaning | default | example | secret | set in |
|---|---|---|---|---|---|
"""
GIVEN_ELSEWHERE = MappingProxyType(
    {
        "tableEndpoint": "the storage account of the templates",
        "serviceBusHostName": "the namespace of the templates",
        "identityClientId": "the identity of the templates",
    }
)
LOCAL_ONLY = "nowhere: local only"
DERIVED = MappingProxyType({"stripe_livemode": "the mode of the key"})  # by `from_environment`


def page(template: str) -> str:
    """The page as Markdown. `template`: the text of `app_settings.bicep`."""
    set_in = places(template)
    rows = [_row(variable, set_in.get(variable.name, LOCAL_ONLY)) for variable in VARIABLES]
    return HEADING + COLUMNS + "".join(rows)


def places(template: str) -> dict[str, str]:
    """Where each app setting of the template comes from, in words."""
    lines = re.findall(r"^  ([A-Za-z_]\w*): (.+)$", template, re.MULTILINE)
    return {name: _place(expression) for name, expression in lines}


def _place(expression: str) -> str:
    secret = re.fullmatch(r"'\$\{secretPrefix\}([a-z-]+)\)'", expression)
    if secret is not None:
        return f"vault, secret `{secret[1]}`"
    limit = re.search(r"\blimits\.\??(\w+)", expression)
    if limit is not None:
        return f"`configuration.limits.{limit[1]}`"
    member = re.search(r"\bconfiguration\.\??(\w+)", expression)
    if member is not None:
        return f"`configuration.{member[1]}`"
    return GIVEN_ELSEWHERE.get(expression, "the templates")


def _row(variable: Variable, set_in: str) -> str:
    info = Settings.model_fields[variable.field]
    meaning, example = TEXTS[variable.name]
    cells = [
        f"`{variable.name}`",
        f"{meaning}{_bounds(info)}",
        DERIVED.get(variable.field) or _default(info),
        f"`{example}`" if example else "",
        "secret" if "SecretStr" in str(info.annotation) else "no",
        set_in,
    ]
    return f"| {' | '.join(cells)} |\n"


def _bounds(info: FieldInfo) -> str:
    found: Mapping[str, int] = {
        name: getattr(each, name)
        for each in info.metadata
        for name in ("ge", "le")
        if hasattr(each, name)
    }
    return f"; {found['ge']} to {found['le']}" if found.keys() == {"ge", "le"} else ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.default
    if default is PydanticUndefined or default is None or default == "":
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def main() -> None:
    """Print the page."""
    print(page(TEMPLATE.read_text(encoding="utf-8")), end="")


if __name__ == "__main__":
    main()
