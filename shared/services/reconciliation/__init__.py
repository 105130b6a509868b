"""Payouts tied out, and the books proved equal to Stripe's balance."""

from shared.services.reconciliation.open_receipts import OpenReceipts
from shared.services.reconciliation.proof import Proofs, ProofsByAccount, Prover, prove_each
from shared.services.reconciliation.reconcile import Reconcile

__all__ = ("OpenReceipts", "Proofs", "ProofsByAccount", "Prover", "Reconcile", "prove_each")
