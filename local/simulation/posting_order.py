"""The judge of isolation: which journals did the posting job pass over? Plain facts of the peer.

Records stand in the order in which they were created. A journal was passed over when one of the
same name that got its last line later is posted. Nothing else lets a line leave its journal.
"""

from local.dynamics import DynamicsPeer

KINDS = {
    "CustomerPaymentJournalLines": "CustomerPaymentJournalHeaders",
    "LedgerJournalLines": "LedgerJournalHeaders",
}
APPROVALS = ("IsApprovalActive", "IsWorkflowApprovalActive")


def may_leave(dynamics: DynamicsPeer, entity_set: str, company: str, batch: str) -> bool:
    """Whether a line may leave a journal now."""
    headers = {
        str(row["JournalBatchNumber"]): row for row in dynamics.records(KINDS[entity_set], company)
    }
    header = headers.get(batch)
    if header is None:
        return False
    name = header["JournalName"]
    for row in dynamics.records("JournalNames", company):
        if row["Name"] == name and any(row[flag] == "Yes" for flag in APPROVALS):
            return False
    last: dict[str, int] = {}
    for at, row in enumerate(dynamics.records(entity_set, company)):
        last[str(row["JournalBatchNumber"])] = at
    return any(
        last.get(number, -1) > last.get(batch, -1)
        for number, other in headers.items()
        if other["IsPosted"] == "Yes" and other["JournalName"] == name
    )
