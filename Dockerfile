# One image for every part: `openlines run` alone is the whole line; docker-compose.yml runs its parts apart.

FROM python:3.13-slim-bookworm AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml requirements.lock ./
# Every package, the tools of the build too, is the locked version and is checked against the lock's hashes.
RUN awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock > uv.txt \
 && pip install --quiet --require-hashes -r uv.txt \
 && uv pip install --quiet --system -c requirements.lock hatchling \
 && python -m venv --without-pip /opt/openlines \
 && uv pip install --quiet --python /opt/openlines/bin/python --require-hashes -c requirements.lock -r pyproject.toml
COPY . .
RUN hatchling build -t wheel -d /tmp/wheel \
 && uv pip install --quiet --python /opt/openlines/bin/python --no-deps /tmp/wheel/*.whl

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /home/openlines openlines \
 && install -d -o openlines -g openlines /data
COPY --from=build /opt/openlines /opt/openlines
ENV PATH=/opt/openlines/bin:$PATH PYTHONUNBUFFERED=1 \
    OPENLINES_DATA_DIR=/data OPENLINES_HTTP__HOST=0.0.0.0 OPENLINES_HTTP__PORT=8080
USER openlines
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Letters, files and deliveries under way are settled before it goes; the line itself takes five seconds at most.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['OPENLINES_HTTP__PORT'] + '/health/live', timeout=4)"]
ENTRYPOINT ["openlines"]
CMD ["run"]
