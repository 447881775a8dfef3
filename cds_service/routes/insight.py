"""``GET /insight`` and ``/insight.csv``: what became of the cards, as a page and for a spreadsheet.

In production the page exists only where a token is set, and asks for it: as the password in a browser, or as a bearer
token. It shares no code with the clinical path, and reads the database by itself.
"""

from __future__ import annotations

import hmac
from datetime import date
from functools import partial

from flask import Blueprint, Flask, Response, render_template, request

from cds_service.clock import Clock
from cds_service.errors import Issue, IssueCode, bad_request, insight_locked, insight_unavailable
from cds_service.insight import charts
from cds_service.insight.formats import as_csv
from cds_service.insight.report import (
    PeriodError,
    Report,
    first_day,
    make_report,
    read_period,
    reason_text,
    share,
    title,
)
from cds_service.settings import Profile, Settings, SettingsError, variable
from cds_service.storage import Records
from cds_service.storage.records import RecordsUnavailableError


def register(app: Flask, settings: Settings, records: Records, clock: Clock) -> None:
    """Add the page to ``app`` where it may be: in the dev profile, or behind a token.

    Raises:
        SettingsError: the token cannot be used.
    """
    if settings.insight_token_file is not None:
        app.register_blueprint(blueprint(records, clock, _token(settings)))
    elif settings.profile is Profile.DEV:
        app.register_blueprint(blueprint(records, clock))


def blueprint(records: Records, clock: Clock, token: str = "") -> Blueprint:
    """Return the routes; an empty ``token`` opens them to everybody who can reach them."""
    routes = Blueprint("insight", __name__)

    @routes.before_request
    def check() -> None:
        if token and not _shows(token):
            raise insight_locked()

    @routes.after_request
    def keep_nothing(answer: Response) -> Response:
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.get("/insight")
    def insight() -> str:
        today = clock().date()
        report = _report(records, today)
        longest = max((counts.shown for counts in report.by_topic.values()), default=0)
        return render_template(
            "insight.html",
            report=report,
            columns=charts.columns(report.by_week),
            width=charts.WIDTH,
            height=charts.HEIGHT,
            bar=partial(charts.row, longest=max(longest, 1)),
            share=share,
            title=title,
            reason_text=reason_text,
            reasons=report.reasons_in_order,
            periods=[(weeks, first_day(today, weeks)) for weeks in (4, 12, 52)],
            today=today,
        )

    @routes.get("/insight.csv")
    def insight_csv() -> Response:
        report = _report(records, clock().date())
        name = f"magnesium-cds-{report.since}-{report.until}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(as_csv(report), headers=headers, content_type="text/csv; charset=utf-8; header=present")

    return routes


def _report(records: Records, today: date) -> Report:
    # What a form leaves empty was not asked for.
    since_text, until_text, client = (request.args.get(name) or None for name in ("since", "until", "client"))
    try:
        since, until = read_period(since_text, until_text, today)
    except PeriodError as error:
        raise bad_request(Issue(IssueCode.VALUE, error.text, error.end)) from None
    if client and not client.isprintable():
        # PostgreSQL takes no NUL, and answers as if it were broken.
        raise bad_request(Issue(IssueCode.VALUE, "This must be the name of a client.", "client"))
    try:
        return make_report(records.tallies(since, until, client), since, until, client)
    except RecordsUnavailableError:
        raise insight_unavailable() from None


def _shows(token: str) -> bool:
    """Whether the request shows the token, compared in a time that tells nothing of it."""
    given = request.authorization
    shown = None
    if given is not None and given.type == "bearer":
        shown = given.token
    elif given is not None and given.type == "basic":
        shown = given.password
    return hmac.compare_digest((shown or "").encode(), token.encode())


def _token(settings: Settings) -> str:
    assert settings.insight_token_file is not None  # noqa: S101  the caller looked
    try:
        token = settings.insight_token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not token.isprintable() or not token:
        text = "must hold a token in plain letters and digits, such as `openssl rand -hex 32` makes"
        raise SettingsError(f"{variable('insight_token_file')}: {text}")
    return token
