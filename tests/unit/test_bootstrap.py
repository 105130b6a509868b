"""Putting the application together from settings."""

import subprocess
import sys

import pytest

from shared import bootstrap
from shared.clients.dynamics.odata import DELIMITERS
from shared.errors import SettingsRefused
from shared.settings import DELIMITERS as ACCEPTED
from tests.unit.services.fakes import settings

CONNECTIONS = {
    "tables_connection": "UseDevelopmentStorage=true",
    "service_bus_connection": "Endpoint=sb://x;SharedAccessKeyName=a;SharedAccessKey=b",
}


@pytest.mark.parametrize(
    "name", ["CustomerAccount", "dataAreaId", "OrganizationName", "organizationname", "NameAlias"]
)
def test_the_customers_id_needs_a_field_of_its_own(name: str) -> None:
    with pytest.raises(SettingsRefused) as caught:
        bootstrap.build(settings(customer_id_property=name, **CONNECTIONS))
    (problem,) = caught.value.problems
    reason = f"must be a field of its own: {name} of CustomersV3 holds something else"
    assert problem == f"TIEOUT_CUSTOMER_ID_PROPERTY {reason}"


def test_each_delimiter_that_settings_accept_makes_a_gateway() -> None:
    assert ACCEPTED == DELIMITERS
    for delimiter in ACCEPTED:
        bootstrap.build(settings(dynamics_dimension_delimiter=delimiter, **CONNECTIONS))


def test_nothing_of_an_exporter_is_imported_where_nothing_is_exported() -> None:
    """The distribution takes a second of a cold start; local runs shall not pay it."""
    code = (
        "import sys, function_app; from shared.connections import telemetry_of; telemetry_of({});"
        "print([name for name in ('azure.monitor', 'opentelemetry.sdk',"
        " 'shared.clients.open_telemetry') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
