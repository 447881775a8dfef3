"""What every reader needs beside the resource in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from fhir_mappings.codes import Terminology
from fhir_mappings.pool import Pool
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import Subject


@dataclass(frozen=True, slots=True)
class Context:
    """The request's patient, the other resources, what codes mean here, and the time of the request."""

    subject: Subject
    pool: Pool
    terminology: Terminology
    site: SiteCodes
    zone: tzinfo
    as_of: datetime
