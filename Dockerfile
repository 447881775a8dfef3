# docker build -t magnesium-cds .
#
#   docker run magnesium-cds                 serves on port 8080, as MAGNESIUM_CDS_* say (docs/operations/deployment.md)
#   docker run magnesium-cds db upgrade      any other command of magnesium-cds
#
# Nothing is written but to /tmp and, where the database is SQLite, to /data: the root may be read-only.

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Neither pip nor the build backend is in the environment that ships.
RUN python -m venv --without-pip /opt/magnesium-cds && python -m venv /opt/build
COPY requirements/runtime.txt requirements/build.txt requirements/
# Wheels only: there is no compiler here, and none is missed.
RUN pip --python /opt/magnesium-cds install --require-hashes --only-binary=:all: -r requirements/runtime.txt \
    && pip --python /opt/build install --require-hashes --only-binary=:all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY magnesium magnesium
COPY fhir_mappings fhir_mappings
COPY hooks hooks
COPY cds_service cds_service
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/magnesium-cds install --no-deps --no-index dist/*.whl

FROM python:3.12-slim-bookworm
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="magnesium-cds" \
      org.opencontainers.image.description="A CDS Hooks service for magnesium disorders" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/magnesium-cds /opt/magnesium-cds
RUN install -d -o 10001 -g 10001 -m 0700 /data
# The root may be read-only, so Python writes no byte code; it was compiled when it was installed.
ENV PATH=/opt/magnesium-cds/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    XDG_DATA_HOME=/data \
    MAGNESIUM_CDS_HOST=0.0.0.0 \
    MAGNESIUM_CDS_WORKERS=2
# By number: Kubernetes cannot tell whether a name is root.
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=4)"]
ENTRYPOINT ["magnesium-cds"]
CMD ["serve"]
