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


def partition_in(session: str | None, partitions: int = PARTITIONS_DEFAULT) -> int:
    """The partition that a session id states; 0 for what is none of ours."""
    if session is None or not (session.isascii() and session.isdecimal()):
        return 0
    number = int(session)
    return number if number < partitions else 0
