"""Who did what when: for people, and as a digest that tells equal runs."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

from shared.ports import Clock

ENTRIES_MAX = 1_000_000
ESCAPED = "backslashreplace"  # texts of vendors may hold half a surrogate pair


class Timeline:
    """An append-only account of a run on its virtual clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[datetime, str, str]] = []
        self._hash = sha256()

    def note(self, who: str, what: str) -> None:
        """One thing that happened now."""
        now = self._clock.now()
        self._hash.update(f"{now.timestamp():.6f}|{who}|{what}\n".encode(errors=ESCAPED))
        if len(self._entries) < ENTRIES_MAX:
            self._entries.append((now, who, what))

    @property
    def digest(self) -> str:
        """SHA-256 over everything noted: equal for equal runs."""
        return self._hash.hexdigest()

    def __len__(self) -> int:
        return len(self._entries)

    def write(self, path: Path, heading: str) -> None:
        """The account as a text file, a line an entry."""
        lines = [heading, ""]
        lines += [
            f"{at:%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}  {who:<12}  {what}"
            for at, who, what in self._entries
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors=ESCAPED)
