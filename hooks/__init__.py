"""The CDS services: which rules they run, and how what the rules find becomes cards."""

from __future__ import annotations

from typing import Final

from hooks.order_select import ORDER_SELECT
from hooks.order_sign import ORDER_SIGN
from hooks.patient_view import PATIENT_VIEW

SERVICES: Final = (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN)
"""Every service this package offers, in the order of discovery."""
