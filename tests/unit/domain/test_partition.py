import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.partition import PARTITIONS_DEFAULT, partition_of

# These values are stored in queues and tables: they must never change.
KNOWN = (
    *(("cus_1", 2), ("cus_NffrFeUfNV2Hib", 0), ("ch_1", 3), ("po_1", 2), ("txn_1", 2), ("", 2)),
)


@pytest.mark.parametrize(("id", "partition"), KNOWN)
def test_the_partition_of_an_id_never_changes(id: str, partition: int) -> None:
    assert partition_of(id) == partition


def test_the_default_is_four_partitions() -> None:
    assert PARTITIONS_DEFAULT == 4
    assert partition_of("cus_NffrFeUfNV2Hib", 64) == 40


def test_another_process_computes_the_same() -> None:
    code = "from shared.domain.partition import partition_of as p; print(p('cus_1'), p('ch_1'))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert found.stdout.split() == ["2", "3"]


@pytest.mark.parametrize("partitions", [1, 4, 16, 64])
def test_ids_are_spread_over_all_partitions(partitions: int) -> None:
    count = 20_000
    spread = Counter(partition_of(f"cus_{number}", partitions) for number in range(count))
    assert sorted(spread) == list(range(partitions))
    assert max(spread.values()) < 1.4 * count / partitions


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 64))
def test_every_id_has_a_partition(id: str, partitions: int) -> None:
    assert 0 <= partition_of(id, partitions) < partitions
