# The program's image: all services are this one, by their command. No compiler gets in: everything comes as wheels,
# pinned and hashed, and numba brings its own code generator.
#
# Pinned by version. Where this was written no image registry could be asked for digests; to pin by one as well:
#   docker build --build-arg PYTHON=python:3.11.14-slim-bookworm@sha256:... .
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/qianshao
COPY requirements/main.txt requirements/
RUN /opt/qianshao/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: \
    -r requirements/main.txt
COPY . .
RUN /opt/qianshao/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM ${PYTHON}
# /var/cache/qianshao keeps compiled kernels, /var/lib/qianshao/archive the archive, and /var/lib/qianshao/grafana what
# Grafana reads: volumes get their owner here.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin qianshao \
    && install -d -o qianshao -g qianshao /var/cache/qianshao /var/lib/qianshao/archive \
        /var/lib/qianshao/grafana/dashboards /var/lib/qianshao/grafana/provisioning /var/lib/qianshao/grafana/token
COPY --from=build /opt/qianshao /opt/qianshao
ENV PATH=/opt/qianshao/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/cache/qianshao QIANSHAO_DATA=/tmp/qianshao
# What a process writes beside its logs goes to /tmp; the root file system may be read-only.
WORKDIR /tmp
USER 10001:10001
# Compiled for this machine's processor; on another kind the first start compiles again, into the same place.
RUN qianshao doctor --compile
CMD ["qianshao", "--help"]
