# helmmail as an image: docker run --rm --read-only -v "$PWD:/work:ro" helmmail validate
# Another base, or the same one pinned by its digest: --build-arg BASE=python:3.13-slim@sha256:...
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY schemas schemas
COPY docs/rules docs/rules
COPY helmmail helmmail
RUN python -m venv --without-pip /opt/helmmail \
    && python -m pip --python /opt/helmmail/bin/python install --no-cache-dir --disable-pip-version-check \
        --root-user-action=ignore --constraint constraints.txt .
# The profiles are stored in their quick form here: at run time nothing may be written. Its stamps are whole seconds,
# since an image layer may keep no more of a file's time.
RUN find /opt/helmmail -name '*.yaml' -exec touch -d '2026-01-01 00:00:00Z' {} + \
    && /opt/helmmail/bin/helmmail providers >/dev/null \
    && /opt/helmmail/bin/helmmail dialects >/dev/null

FROM ${BASE}
LABEL org.opencontainers.image.title="helmmail" \
      org.opencontainers.image.description="Moves the mail settings of Helm applications to another SMTP provider, and checks them." \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/opt/helmmail/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/helmmail /opt/helmmail
WORKDIR /work
# Any other user does too (--user "$(id -u)", so that migrate's files are yours): nothing here needs a home or a name.
USER 65532:65532
ENTRYPOINT ["helmmail"]
CMD ["--help"]
