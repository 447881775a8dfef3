"""HealthChain with what it can express of our rules: it leaves the reading of FHIR to whoever writes the handler.

Run by the Python of an environment that holds HealthChain and none of this project: healthchain_service.py PORT.

The handler finds the newest magnesium and potassium by code and status, four drugs by code, and says what is low.
Units are taken as they come, times are compared as texts: it is a small part of what the service does.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.models.requests.cdsrequest import CDSRequest
from healthchain.models.responses.cdsresponse import Card, CDSResponse, Source

MAGNESIUM = {"2601-3": 0.70, "19123-9": 1.70}
POTASSIUM = {"2823-3": 3.5}
DRUGS = {"198051", "313988", "310798", "3407"}

service = CDSHooksService()


def resources(request: CDSRequest, key: str) -> list[dict[str, Any]]:
    """Return what was prefetched for a key."""
    return [entry["resource"] for entry in request.prefetch.get(key, {}).get("entry", [])]


def newest(results: list[dict[str, Any]], limits: dict[str, float]) -> tuple[float, bool] | None:
    """Return the value of the newest final result with one of these codes, and whether it is low."""
    found = [
        (result["effectiveDateTime"], result["valueQuantity"]["value"], limits[coding["code"]])
        for result in results
        if result["status"] == "final"
        for coding in result["code"]["coding"]
        if coding["code"] in limits
    ]
    if not found:
        return None
    _, value, limit = max(found)
    return value, value < limit


def judge(request: CDSRequest) -> CDSResponse:
    """Return a card for each of the two results that is low."""
    labs = resources(request, "labs")
    drugs = [
        order["medicationCodeableConcept"]["text"]
        for order in resources(request, "medications")
        if order["status"] == "active"
        and any(coding["code"] in DRUGS for coding in order["medicationCodeableConcept"]["coding"])
    ]
    cards = []
    for name, limits in (("Magnesium", MAGNESIUM), ("Potassium", POTASSIUM)):
        result = newest(labs, limits)
        if result is not None and result[1]:
            cards.append(
                Card(
                    summary=f"{name} is low: {result[0]}",
                    indicator="warning",
                    detail=", ".join(drugs),
                    source=Source(label="benchmark"),
                )
            )
    return CDSResponse(cards=cards)


service.hook("patient-view", id="magnesium-patient-view")(judge)
service.hook("order-sign", id="magnesium-order-sign")(judge)
app = HealthChainAPI()
app.register_service(service)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
