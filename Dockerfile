# syntax=docker/dockerfile:1

# Locum in an image: docker build --tag locum .
#
# What it is told comes from the environment, as everywhere; what it keeps by itself is under /data. It needs no key and no
# secret to be built.

ARG RUST_VERSION=1.95
ARG DEBIAN=trixie

# The manifests alone, over sources that hold nothing: they change more seldom than the code.
FROM debian:${DEBIAN}-slim AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock -delete \
    && for crate in crates/* xtask; do \
        mkdir -p "$crate/src" \
        && echo '//! Nothing.' > "$crate/src/lib.rs" \
        && echo '//! Nothing.' > "$crate/src/main.rs" && echo 'fn main() {}' >> "$crate/src/main.rs"; \
    done

FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
WORKDIR /src
# The dependencies, in a layer that is built again only when the manifests are others.
COPY --from=manifests /src .
RUN cargo build --locked --release --package locum \
    && rm -rf crates xtask
# The program. Its files may be older than that layer, which Cargo would take for a sign that they were built.
COPY . .
RUN find crates -name '*.rs' -exec touch {} + \
    && cargo build --locked --release --package locum

FROM debian:${DEBIAN}-slim
RUN groupadd --gid 10001 locum \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin locum \
    && install --directory --owner=locum --group=locum --mode=700 /data
COPY --from=build /src/target/release/locum /usr/local/bin/locum
COPY LICENSE /usr/share/doc/locum/LICENSE

ENV HOST=0.0.0.0 \
    PORT=8787 \
    DATA_DIR=/data \
    NODE_ENV=production
USER 10001
EXPOSE 8787
VOLUME /data
# 0 when /health/ready answers 200.
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=3 CMD ["locum", "health"]
# Without a shell in between, so that SIGTERM reaches the program, which then finishes what it is answering: give it longer
# than SHUTDOWN_GRACE before it is killed (docker stop --time 45).
ENTRYPOINT ["locum"]
CMD ["serve"]
