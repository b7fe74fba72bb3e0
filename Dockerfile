# One image for every daemon and the command line: `tako-mon`, `tako-osd` and `tako` are in PATH.
# Runs as uid 1000 on a read-only root file system; only /var/lib/tako (and /tmp) must be writable.

FROM node:24-bookworm-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/cli/package.json packages/cli/
COPY packages/client/package.json packages/client/
COPY packages/common/package.json packages/common/
COPY packages/mon/package.json packages/mon/
COPY packages/osd/package.json packages/osd/
COPY packages/sim/package.json packages/sim/

FROM manifests AS build
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.base.json ./
COPY packages packages
RUN node_modules/.bin/tsc -b \
  && find packages \( -name '*.tsbuildinfo' -o -name '*.d.ts' -o -name '*.d.ts.map' \) \
    -path '*/dist/*' -delete

FROM manifests AS runtime
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --no-audit --no-fund
COPY --from=build /app/packages/client/dist packages/client/dist
COPY --from=build /app/packages/common/dist packages/common/dist
COPY --from=build /app/packages/cli/dist packages/cli/dist
COPY --from=build /app/packages/mon/dist packages/mon/dist
COPY --from=build /app/packages/osd/dist packages/osd/dist

FROM node:24-bookworm-slim
ENV NODE_ENV=production
COPY --from=runtime /app /app
# Not links to main.js: `exec` keeps node the process that gets the signals. The semi-space that V8
# takes by itself makes an idle daemon 25 MB larger.
RUN for pair in tako:cli tako-mon:mon tako-osd:osd; do \
      bin="/usr/local/bin/${pair%%:*}"; \
      printf '#!/bin/sh\nexec node --max-semi-space-size=4 /app/packages/%s/dist/main.js "$@"\n' "${pair##*:}" > "$bin"; \
      chmod 755 "$bin"; \
    done \
  && install -d -o node -g node /var/lib/tako
# A new named volume takes its owner from here.
VOLUME /var/lib/tako
USER node
WORKDIR /var/lib/tako
CMD ["tako", "--help"]
