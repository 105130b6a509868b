"""Putting the application together from settings."""

import random
import subprocess
import sys

import pytest

from shared import bootstrap
from shared.clients.dynamics.odata import DELIMITERS
from shared.errors import SettingsRefused
from shared.settings import DELIMITERS as ACCEPTED
from tests.unit.services.fakes import RecordingQueue, settings

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


# What a person asks for, what converges and what asks the vendors: the webhook needs none of them.
NOT_FOR_THE_WEBHOOK = (
    *("shared.app", "shared.converge", "shared.mapping", "shared.packaged", "shared.stores.links"),
    *("shared.services.audit", "shared.services.inbox", "shared.services.operations"),
    *("shared.services.privacy", "shared.services.probing"),
    *("shared.services.publishing", "shared.services.reconciliation", "shared.services.work"),
    *("shared.clients.stripe.gateway", "shared.clients.dynamics", "stripe"),
    *("shared.domain.codec", "shared.domain.documents", "shared.domain.records", "shared.policy"),
    *("shared.entities.making", "shared.entities.common.objects", "shared.stores.audit_log"),
)


def test_the_first_delivery_waits_for_no_service_but_its_own() -> None:
    """Each of these takes milliseconds of a cold start, and Stripe waits for the answer."""
    code = (
        "import sys, function_app; from local.books import settings; from shared import bootstrap;"
        "made = settings(stripe_url='', dynamics_url='https://x.example.com', "
        f"**{CONNECTIONS!r}); bootstrap.build_receiving(made).ingest();"
        f"print([name for name in {NOT_FOR_THE_WEBHOOK!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_app_has_the_ports_that_received() -> None:
    queue, rng = RecordingQueue(), random.Random(1)
    app = bootstrap.build(settings(**CONNECTIONS), queue=queue, rng=rng)
    assert (app.queue, app.rng) == (queue, rng)
    with pytest.raises(TypeError, match="no such ports: queues"):
        bootstrap.build(settings(**CONNECTIONS), queues="")
