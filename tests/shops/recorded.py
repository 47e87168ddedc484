"""What shops send, written down by us in their shapes: one file a case in the folder of its system."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent


def cases(system: str) -> list[str]:
    """Return the names of a system's cases."""
    return sorted(path.stem for path in (ROOT / system).glob("*.json"))


def sent(system: str, case: str, **changes: Any) -> dict[str, Any]:
    """Return what the shop sends in that case; keywords replace its outermost fields."""
    found: dict[str, Any] = json.loads((ROOT / system / f"{case}.json").read_text(encoding="utf-8"))
    return found | changes


def body(system: str, case: str, **changes: Any) -> bytes:
    """Return the same as the bytes that are signed."""
    return json.dumps(sent(system, case, **changes), ensure_ascii=False).encode()
