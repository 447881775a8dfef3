"""The eleven digits of a US package code (NDC)."""

from __future__ import annotations

import re

_NDC_DIGITS = re.compile(r"\d{11}")
_NDC_SEGMENTS = re.compile(r"(\d{4,5})-(\d{3,4})-(\d{1,2})")
_NDC_LENGTHS = frozenset({(5, 4, 2), (4, 4, 2), (5, 3, 2), (5, 4, 1)})


def normalize_ndc(code: str) -> str | None:
    """Return the eleven digits of an NDC, or None where it cannot be told which they are.

    Ten digits without hyphens are ambiguous: nothing says which of the three segments is a digit short.
    """
    code = code.strip()
    if _NDC_DIGITS.fullmatch(code):
        return code
    segments = _NDC_SEGMENTS.fullmatch(code)
    if not segments:
        return None
    labeler, product, package = segments.groups()
    if (len(labeler), len(product), len(package)) not in _NDC_LENGTHS:
        return None
    return labeler.zfill(5) + product.zfill(4) + package.zfill(2)
