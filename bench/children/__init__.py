"""Scripts that a measurement runs in processes of their own."""
