"""Putting the application together from settings."""

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
