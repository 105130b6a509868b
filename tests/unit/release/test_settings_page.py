"""docs/settings.md: as the model, the template and the texts give it."""

from release.setting_texts import TEXTS
from release.settings_page import LOCAL_ONLY, ROOT, TEMPLATE, page, places
from shared.settings import VARIABLES

TEXT = TEMPLATE.read_text(encoding="utf-8")


def row(name: str) -> str:
    (line,) = [one for one in page(TEXT).splitlines() if one.startswith(f"| `{name}` |")]
    return line


def test_the_page_of_settings_is_the_one_that_the_model_gives() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page(TEXT), "make docs"


def test_every_setting_has_a_text_and_every_text_a_setting() -> None:
    names = [variable.name for variable in VARIABLES]
    assert [name for name in names if name not in TEXTS] == [], "add it to setting_texts.py"
    assert [name for name in TEXTS if name not in names] == [], "take it out of setting_texts.py"
    assert [name for name, (meaning, _) in TEXTS.items() if not meaning] == []


def test_a_secret_is_marked_and_leads_to_the_vault() -> None:
    assert row("STRIPE_API_KEY").endswith("| secret | vault, secret `stripe-api-key` |")
    assert row("DYNAMICS_CLIENT_SECRET").endswith(
        "| secret | vault, secret `dynamics-client-secret` |"
    )
    assert "| no |" in row("DYNAMICS_URL")


def test_default_and_bounds_are_those_of_the_model() -> None:
    assert "longest wait; not shorter than the first; 1 to 86400 | `3600` |" in row(
        "TIEOUT_RETRY_CAP_SECONDS"
    )
    assert "| `false` | `true` |" in row("TIEOUT_PUBLISH_TWO_PERSONS")
    assert "| required |" in row("TIEOUT_BOOKS")


def test_each_setting_is_set_by_a_parameter_or_named_as_local() -> None:
    assert row("TIEOUT_PARTITIONS").endswith("| `configuration.limits.partitions` |")
    assert row("DYNAMICS_URL").endswith("| `configuration.dynamicsUrl` |")
    local = [one.name for one in VARIABLES if LOCAL_ONLY in row(one.name)]
    assert local == ["STRIPE_BASE_URL", "TIEOUT_TABLES_CONNECTION", "ServiceBusConnection"]


def test_what_the_template_computes_is_named_as_its_own() -> None:
    assert places("var a = {\n  A: '${other}/x'\n  B: identityClientId\n}\n") == {
        "A": "the templates",
        "B": "the identity of the templates",
    }
