"""The service for order-select: what the order just picked means for magnesium."""

from __future__ import annotations

from hooks.service import Hook, HookService, rules_on
from magnesium.rules import RULES

ORDER_SELECT = HookService(
    id="magnesium-order-select",
    hook=Hook.ORDER_SELECT,
    title="Magnesium: order selected",
    description=(
        "Judges the selected order: a drug that wastes magnesium while magnesium is low or unknown, or"
        " potassium replacement where magnesium may be low too."
    ),
    usage_requirements=(
        "Needs what magnesium-patient-view needs, and the draft orders with the selections in the context."
        " A draft whose drug cannot be recognised is not judged."
    ),
    rules=rules_on(Hook.ORDER_SELECT, RULES),
)
