"""The service for patient-view: what the chart that is being opened says about magnesium."""

from __future__ import annotations

from hooks.service import Hook, HookService, rules_on
from magnesium.rules import RULES

PATIENT_VIEW = HookService(
    id="magnesium-patient-view",
    hook=Hook.PATIENT_VIEW,
    title="Magnesium: patient overview",
    description=(
        "Low magnesium, drugs that waste it, low potassium that may not hold without it, and how much"
        " magnesium the kidney loses. Silent for most patients: no card is the normal answer."
    ),
    usage_requirements=(
        "Needs the patient, magnesium, potassium and creatinine results, and medications (requests,"
        " statements, administrations), prefetched or readable on the FHIR server; answers 412 without them."
        " Conditions and encounters are used where present. Not a substitute for the laboratory's"
        " critical-value call."
    ),
    rules=rules_on(Hook.PATIENT_VIEW, RULES),
)
