"""One service call, evaluated: the one path from a checked request to facts and cards.

HTTP and ``magnesium-cds replay`` both come through here, so what is replayed is what is served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cds_service.account import Account, DataSource, Stage
from cds_service.envelope import ORDER_SIGN, HookRequest
from cds_service.errors import Issue, IssueCode, bad_request
from cds_service.places import place_of_stranger
from cds_service.prefetch import Outcome, Received, gather, receive
from cds_service.retrieval import Retriever
from cds_service.settings import PrefetchKeys, Settings
from fhir_mappings.chart import read_facts
from fhir_mappings.codes import Terminology
from fhir_mappings.draft_orders import DraftOrders
from fhir_mappings.proposals import validate_templates
from fhir_mappings.queries import Query, queries
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import PatientMismatch
from hooks.memory import Recall, nothing_remembered
from hooks.render import Presentation
from hooks.service import Answer, HookService
from magnesium.display import in_units_shown
from magnesium.facts import PatientFacts
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy, load_site
from magnesium.verdict import Topic


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the service knows before any patient: the policy and the codes."""

    policy: Policy
    site_codes: SiteCodes
    terminology: Terminology
    queries: tuple[Query, ...]
    """What is asked of a chart."""

    @classmethod
    def load(cls, settings: Settings) -> Knowledge:
        """Read the tables that the settings name, or the bundled ones.

        Raises:
            ValueError: a file is not as it must be; the message says where.
        """
        site = load_site(settings.policy)
        # A product that makes no valid order is refused now, not at the first card that offers it.
        validate_templates(site.policy.products)
        terminology = Terminology.load(settings.drug_table)
        return cls(site.policy, SiteCodes.from_table(site.local_codes), terminology, queries(terminology))


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """Everything that one call came to."""

    as_of: datetime
    facts: PatientFacts
    picture: ClinicalPicture
    answer: Answer


@dataclass(frozen=True, slots=True)
class Terms:
    """How one client is served."""

    prefetch_keys: PrefetchKeys
    presentation: Presentation
    retriever: Retriever


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Judges requests, as this deployment is set up."""

    knowledge: Knowledge
    new_uuid: Callable[[], str]
    on_failure: Callable[[Topic, Exception], str]
    """Reports a rule that failed and returns the error id to show."""

    def evaluate(  # noqa: PLR0913  each by name
        self,
        request: HookRequest,
        service: HookService,
        terms: Terms,
        *,
        as_of: datetime,
        account: Account,
        recall: Recall = nothing_remembered,
    ) -> Evaluation:
        """Read the chart that came with ``request``, fetch what did not, and let ``service`` judge it.

        Args:
            request: The checked request.
            service: Whose rules run.
            terms: How the client that sent it is served.
            as_of: The moment for which it is judged.
            account: Says when the request came in, and takes down what becomes of it.
            recall: Looks up which cards of this patient the client's users dismissed.

        Raises:
            RequestError: required data are unknown (412), or a resource is about another patient (400).
        """
        facts = self._facts(request, terms, as_of, account)
        picture = ClinicalPicture(facts, self.knowledge.policy, as_of)
        answer = service.evaluate(
            picture,
            terms.presentation,
            new_uuid=self.new_uuid,
            on_failure=self.on_failure,
            encounter_id=request.encounter_id,
            recall=recall,
        )
        account.ended(Stage.JUDGE)
        account.answer = answer
        account.unusable = facts.unusable
        return Evaluation(as_of, facts, picture, answer)

    def _facts(self, request: HookRequest, terms: Terms, as_of: datetime, account: Account) -> PatientFacts:
        asked = self.knowledge.queries
        drafts = request.drafts
        sent = receive(request.prefetch, asked, terms.prefetch_keys)
        account.ended(Stage.PARSE)
        came = terms.retriever.complete(sent, asked, request, as_of=as_of, arrived=account.arrived)
        account.ended(Stage.FETCH)
        account.sources = {need: _source(sent[need], came[need]) for need in came}
        try:
            facts = read_facts(
                gather(came, asked),
                patient_id=request.patient_id,
                encounter_id=request.encounter_id,
                drafts=DraftOrders(drafts.bundle, drafts.selections, signing=request.hook == ORDER_SIGN)
                if drafts
                else None,
                terminology=self.knowledge.terminology,
                site=self.knowledge.site_codes,
                zone=self.knowledge.policy.time_zone,
                as_of=as_of,
            )
            facts = in_units_shown(facts, self.knowledge.policy)
        except PatientMismatch as mismatch:
            text = "A resource in the request is about another patient than context.patientId."
            keys = {key.casefold() for accepted in terms.prefetch_keys.values() for key in accepted}
            place = place_of_stranger(mismatch.reference, request, keys)
            raise bad_request(Issue(IssueCode.CONFLICT, text, place)) from None
        account.ended(Stage.READ)
        return facts


def _source(sent: Received, came: Received) -> DataSource:
    """Return where the data of a need came from: ``sent`` with the request, or ``came`` after asking."""
    if not came.outcome.known:
        return DataSource.UNAVAILABLE
    if came.outcome is Outcome.EMPTY:
        return DataSource.EMPTY
    return DataSource.PREFETCH if sent.outcome.known else DataSource.FETCHED
