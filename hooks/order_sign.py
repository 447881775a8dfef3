"""The service for order-sign: the last look before the orders are signed."""

from __future__ import annotations

from hooks.service import Hook, HookService, rules_on
from magnesium.rules import RULES

ORDER_SIGN = HookService(
    id="magnesium-order-sign",
    hook=Hook.ORDER_SIGN,
    title="Magnesium: orders about to be signed",
    description=(
        "Judges all orders about to be signed as magnesium-order-select does, and shows only warnings and"
        " critical cards, because the rest was shown when the order was selected."
    ),
    usage_requirements=(
        "Needs what magnesium-patient-view needs, and the draft orders in the context. A site that does not"
        " call magnesium-order-select can have information cards shown here as well."
    ),
    rules=rules_on(Hook.ORDER_SIGN, RULES),
)
