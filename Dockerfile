# The two images, `--target worker` and `--target operator`: the programs, the shared libraries they are linked to, the authorities'
# certificates, and nothing else. No shell, no package manager; user 65532; a root file system that is never written to.
#
# By default the programs are compiled here, on Debian 12. With --build-arg PROGRAMS=prebuilt --build-arg BIN_DIR=build/release/bin they
# are copied, and BASE_IMAGE only needs their libraries: that is what scripts/images does.
ARG BASE_IMAGE=debian:12
ARG PROGRAMS=compiled

FROM ${BASE_IMAGE} AS compiled
WORKDIR /src
COPY scripts/install-deps scripts/
COPY scripts/lib/speak scripts/lib/
RUN scripts/install-deps build
COPY . .
RUN cmake --preset release \
    && cmake --build build/release --target gateway-worker gateway-operator pgw-amqp \
    && mkdir /programs && cp build/release/bin/gateway-worker build/release/bin/gateway-operator build/release/bin/pgw-amqp /programs/

FROM ${BASE_IMAGE} AS prebuilt
ARG BIN_DIR=build/release/bin
COPY ${BIN_DIR}/gateway-* ${BIN_DIR}/pgw-amqp /programs/

FROM ${PROGRAMS} AS worker-root
COPY scripts/image-root /usr/local/bin/
RUN image-root /root-of-image /programs/gateway-worker /programs/pgw-amqp

FROM ${PROGRAMS} AS operator-root
COPY scripts/image-root /usr/local/bin/
RUN image-root /root-of-image /programs/gateway-operator

FROM scratch AS worker
ARG VERSION=0.2.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Protocol Gateway worker" \
      org.opencontainers.image.description="Bridges MQTT devices to AMQP 1.0 back ends" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=worker-root /root-of-image/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/gateway-worker"]

FROM scratch AS operator
ARG VERSION=0.2.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Protocol Gateway operator" \
      org.opencontainers.image.description="Reconciles ProtocolGateway resources into worker Deployments" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=operator-root /root-of-image/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/gateway-operator"]
