"""JSON to be read and sent again, digit by digit: 1.60 mg/dL stays 1.60 mg/dL."""

from __future__ import annotations

from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def indented(value: Any) -> str:
    """Return JSON as text, indented by two; decimals with the digits that were sent."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2).decode()
