"""Vendor invoice journals and their settlement in the Dynamics peer: fields, refusals, posting."""
