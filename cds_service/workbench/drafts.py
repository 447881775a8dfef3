"""Draft orders to add to a chart: what a clinician might be picking or signing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

import msgspec


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order as an EHR holds it before it is signed, still without patient and time."""

    label: str
    resource: Mapping[str, Any]

    def for_patient(self, patient_id: str, written: datetime) -> dict[str, Any]:
        """Return the order for one patient, written at a moment."""
        subject = {"reference": f"Patient/{patient_id}"}
        return {**self.resource, "subject": subject, "authoredOn": written.isoformat(timespec="seconds")}


def _load() -> Mapping[str, Draft]:
    text = resources.files(__package__).joinpath("drafts.json").read_text(encoding="utf-8")
    return msgspec.convert(json.loads(text), dict[str, Draft])


DRAFTS: Mapping[str, Draft] = _load()
"""All drafts by id, in the order in which they are listed."""
