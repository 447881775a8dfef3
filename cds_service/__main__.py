"""``python -m cds_service`` is ``magnesium-cds``."""

from __future__ import annotations

from cds_service.cli import main

main()
