"""The service as a client that conforms meets it: the site that the HTTP tests use."""

from __future__ import annotations

from tests.http.conftest import example, make_site, shared_site, site

__all__ = ["example", "make_site", "shared_site", "site"]
