FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/magnesium-cds
ENV PATH=/opt/magnesium-cds/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/runtime.txt requirements/
RUN pip install --require-hashes -r requirements/runtime.txt
# The build backend stays out of the environment that ships.
COPY requirements/build.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY magnesium magnesium
COPY fhir_mappings fhir_mappings
COPY hooks hooks
COPY cds_service cds_service
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip install --no-deps --no-index dist/*.whl

FROM python:3.12-slim
COPY --from=build /opt/magnesium-cds /opt/magnesium-cds
ENV PATH=/opt/magnesium-cds/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --no-create-home magnesium
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/cds-services', timeout=2)"]
# Threads: a request whose data are fetched waits for its client's FHIR server.
# /dev/shm: a worker's heartbeat file must not wait for a disk.
CMD ["gunicorn", "--bind=0.0.0.0:8080", "--workers=2", "--threads=16", "--worker-tmp-dir=/dev/shm", "cds_service.app:create_app()"]
