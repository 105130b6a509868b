"""What ends `tieout setup`."""


class SetupFailed(Exception):
    """A step that cannot be done. The text says what happened and what to do, and holds no
    secret."""
