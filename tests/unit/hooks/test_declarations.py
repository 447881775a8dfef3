"""The three services as a client discovers them."""

from __future__ import annotations

import pytest

from hooks.order_select import ORDER_SELECT
from hooks.order_sign import ORDER_SIGN
from hooks.patient_view import PATIENT_VIEW
from hooks.service import HookService
from magnesium.rules import RULES

SERVICES = (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN)


@pytest.mark.parametrize(
    ("service", "name", "hook"),
    [
        (PATIENT_VIEW, "magnesium-patient-view", "patient-view"),
        (ORDER_SELECT, "magnesium-order-select", "order-select"),
        (ORDER_SIGN, "magnesium-order-sign", "order-sign"),
    ],
)
def test_each_hook_has_one_service_with_a_name_of_its_own(service: HookService, name: str, hook: str) -> None:
    entry = service.to_discovery({})

    assert (entry["id"], entry["hook"]) == (name, hook)
    assert all(entry[member].strip() for member in ("title", "description", "usageRequirements"))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.id)
def test_each_service_runs_the_rules_registered_for_its_hook(service: HookService) -> None:
    assert [rule.topic for rule in service.rules] == [r.topic for r in RULES if service.hook.value in r.hooks]
    assert service.rules


def test_titles_differ_so_that_a_site_can_tell_the_services_apart() -> None:
    assert len({service.title for service in SERVICES}) == len(SERVICES)
