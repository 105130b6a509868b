"""Which partition, and so which queue session, an object belongs to."""

from hashlib import sha256

PARTITIONS_DEFAULT = 4


def partition_of(root_id: str, partitions: int = PARTITIONS_DEFAULT) -> int:
    """0 .. partitions - 1, stable over processes and machines.

    `root_id` is the customer where the event names one, else the object itself. The number of
    partitions caps the handlers of a queue that run at the same time.
    """
    digest = sha256(root_id.encode()).digest()
    return int.from_bytes(digest[:4]) % partitions
