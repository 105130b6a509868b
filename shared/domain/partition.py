"""Which partition, and so which queue session, an object belongs to."""

from hashlib import sha256

PARTITIONS_DEFAULT = 4
LEDGER_QUEUE = "ledger"  # of all entities that write journal lines
DEFAULT_ACCOUNT = "default"  # alias of the account whose sessions carry no name


def partition_of(root_id: str, partitions: int = PARTITIONS_DEFAULT) -> int:
    """0 .. partitions - 1, stable over processes and machines.

    `root_id` is the customer where the event names one, else the object itself. The number of
    partitions caps the handlers of a queue that run at the same time.
    """
    digest = sha256(root_id.encode()).digest()
    return int.from_bytes(digest[:4]) % partitions


def named(account: str, name: str) -> str:
    """A name (of a session, a cursor, a flow) for one account: the default one's is bare."""
    return name if account == DEFAULT_ACCOUNT else f"{account}~{name}"


def session_of(account: str, partition: int) -> str:
    """The session of an account's partition: accounts share none, so a slow one holds up no
    other."""
    return named(account, str(partition))


def partition_in(session: str | None, partitions: int = PARTITIONS_DEFAULT) -> int:
    """The partition that a session id states; 0 for what is none of ours."""
    text = (session or "").rpartition("~")[2]
    if not (text.isascii() and text.isdecimal()):
        return 0
    number = int(text)
    return number if number < partitions else 0
