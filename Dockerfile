# syntax=docker/dockerfile:1
# A target per service: accounts, tickets, notifications, loyalty. `jobs` makes topics, keys and tokens; `mail` is the
# stand-in for a mail provider. The interpreter is the one that the tests run on.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv --without-pip /opt/venv
COPY requirements/services.txt /build/
RUN python -m pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: -r /build/services.txt

FROM build AS build-mail
COPY requirements/mail.txt /build/
RUN python -m pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: -r /build/mail.txt

FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recourse" \
      org.opencontainers.image.description="The customer-support backbone of a lottery and loyalty business" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The folders are mount points: a new volume takes over their owner.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin recourse \
    && install --directory --owner 10001 --group 10001 /keys /keys/private /keys/public /var/mail/recourse
WORKDIR /app
COPY shared/ shared/
USER 10001:10001

FROM runtime AS platform
COPY --from=build /opt/venv /opt/venv

FROM platform AS service
ENV RECOURSE_HTTP_HOST=0.0.0.0
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s CMD ["python", "-m", "shared.probe"]
COPY services/__init__.py services/

FROM service AS accounts
ENV RECOURSE_HTTP_PORT=8101
EXPOSE 8101
COPY services/accounts/ services/accounts/
ENTRYPOINT ["python", "-m", "services.accounts"]

FROM service AS tickets
ENV RECOURSE_HTTP_PORT=8102
EXPOSE 8102
COPY services/tickets/ services/tickets/
ENTRYPOINT ["python", "-m", "services.tickets"]

FROM service AS notifications
ENV RECOURSE_HTTP_PORT=8103
EXPOSE 8103
COPY services/notifications/ services/notifications/
ENTRYPOINT ["python", "-m", "services.notifications"]

FROM service AS loyalty
ENV RECOURSE_HTTP_PORT=8104
EXPOSE 8104
COPY services/loyalty/ services/loyalty/
ENTRYPOINT ["python", "-m", "services.loyalty"]

FROM platform AS jobs
COPY deploy/__init__.py deploy/
COPY deploy/compose/ deploy/compose/
ENTRYPOINT ["python", "-m"]
CMD ["shared.messaging.admin"]

FROM runtime AS mail
COPY --from=build-mail /opt/venv /opt/venv
ENV RECOURSE_MAIL_HOST=0.0.0.0 RECOURSE_SMTP_PORT=8125 RECOURSE_MAIL_PAGE_PORT=8126 RECOURSE_MAIL_DIR=/var/mail/recourse
EXPOSE 8125 8126
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s CMD ["python", "-m", "shared.probe", "8126"]
COPY deploy/__init__.py deploy/
COPY deploy/local/__init__.py deploy/local/
COPY deploy/local/mailserver/ deploy/local/mailserver/
ENTRYPOINT ["python", "-m", "deploy.local.mailserver"]
