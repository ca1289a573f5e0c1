# The sidecar of Argo CD's repo-server, and a command for CI. Both bases must be named by digest, and there is no default:
# a digest that nobody looked up would be worse than none. docs/install-argocd.md, "The image", gives the command.
#
#   docker build -t registry.example/platform/syncgate \
#     --build-arg NODE_IMAGE=docker.io/library/node:24-bookworm-slim@sha256:… \
#     --build-arg GO_IMAGE=docker.io/library/golang:1.26-bookworm@sha256:… .
ARG NODE_IMAGE
ARG GO_IMAGE

FROM ${GO_IMAGE} AS tools
ARG GO_IMAGE
RUN case "$GO_IMAGE" in *@sha256:*) ;; *) echo 'GO_IMAGE must be named by digest' >&2; exit 1 ;; esac
# The versions that the project is tested with (test/support/tools/catalog.ts; a test holds them equal).
ARG KUSTOMIZE_VERSION=v5.8.1
ARG HELM_VERSION=v3.22.0
ARG OPA_VERSION=v1.22.0
ENV CGO_ENABLED=0 GOBIN=/out GOTOOLCHAIN=local
RUN go install -trimpath -ldflags '-s -w' "sigs.k8s.io/kustomize/kustomize/v5@${KUSTOMIZE_VERSION}"
RUN go install -trimpath -ldflags '-s -w' "helm.sh/helm/v3/cmd/helm@${HELM_VERSION}"
RUN go install -trimpath -ldflags '-s -w' "github.com/open-policy-agent/opa@${OPA_VERSION}"

FROM ${NODE_IMAGE} AS bundle
ARG NODE_IMAGE
RUN case "$NODE_IMAGE" in *@sha256:*) ;; *) echo 'NODE_IMAGE must be named by digest' >&2; exit 1 ;; esac
WORKDIR /src
COPY package.json package-lock.json ./
# Nothing that a dependency wants to run at install time is run.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY scripts/build.mjs scripts/build.mjs
COPY src src
COPY trust trust
RUN node scripts/build.mjs

FROM ${NODE_IMAGE}
# The repo-server's user, before a package can take the number.
RUN groupadd --gid 999 argocd \
  && useradd --uid 999 --gid 999 --home-dir /home/argocd --no-create-home --shell /usr/sbin/nologin argocd
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tini \
  && rm -rf /var/lib/apt/lists/* \
  # A package manager is of use only to an attacker here.
  && rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn* /usr/local/bin/yarn* \
  # The mount points of the platform's rules; a read-only root cannot make them later.
  && mkdir -p /data /etc/syncgate/gates /etc/syncgate/policies /etc/syncgate/trust /etc/syncgate/credentials /home/argocd/cmp-server/config \
    /home/argocd/cmp-server/plugins /var/run/argocd
COPY --from=tools /out/kustomize /out/helm /out/opa /usr/local/bin/
# Credential helpers of cloud registries are not in the image: docs/registries.md tells how to add one.
COPY --from=bundle --chmod=0755 /src/dist/syncgate.mjs /usr/local/bin/syncgate
# What runs in a cluster lies in a file of its own, beside the command that loads it.
COPY --from=bundle --chmod=0644 /src/dist/syncgate-serve.cjs /usr/local/bin/syncgate-serve.cjs
COPY --chmod=0644 plugin.yaml /home/argocd/cmp-server/config/plugin.yaml
COPY --chmod=0644 LICENSE /usr/share/doc/syncgate/LICENSE
COPY --from=bundle --chmod=0644 /src/dist/THIRD-PARTY-NOTICES.txt /usr/share/doc/syncgate/THIRD-PARTY-NOTICES.txt
# Nothing below is written to but /tmp and the socket's folder: run it with a read-only root file system.
ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=production TMPDIR=/tmp
# A name whose servers are silent holds a thread of Node's pool: half of them look up names, and of the usual four that is two.
ENV UV_THREADPOOL_SIZE=16
WORKDIR /tmp
USER 999:999
# As PID 1, argocd-cmp-server would reap nobody's children.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["syncgate", "help"]
