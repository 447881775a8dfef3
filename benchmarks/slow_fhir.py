"""A FHIR server that lets every query wait: python -m benchmarks.slow_fhir PORT MILLISECONDS."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.bodies import chart
from cds_service.sandbox.routes import blueprint
from cds_service.sandbox.store import Store


def main() -> None:
    """Serve the benchmark's patient until somebody ends the process."""
    port, milliseconds = map(int, sys.argv[1:])
    app = Flask("slow FHIR server")
    app.register_blueprint(blueprint(Store(chart(datetime.now(UTC)))))
    app.before_request(lambda: time.sleep(milliseconds / 1000))
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # connections are kept, as every FHIR server does
    WSGIRequestHandler.log_request = lambda *_: None  # type: ignore[method-assign]
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
