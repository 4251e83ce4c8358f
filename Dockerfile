# ledgerq on its embedded log, in one container: no server beside it, one volume.

FROM node:22.20-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY domain domain
COPY projections projections
COPY src src
COPY bench bench
COPY test/support test/support
RUN npm run build && npm prune --omit=dev

FROM node:22.20-bookworm-slim
ENV NODE_ENV=production LEDGERQ_DATA=/var/lib/ledgerq LEDGERQ_HOST=0.0.0.0 LEDGERQ_PORT=7654
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist/domain dist/domain
COPY --from=build /build/dist/projections dist/projections
COPY --from=build /build/dist/src dist/src
# A volume takes the owner of the folder that it is mounted on.
RUN mkdir -p /var/lib/ledgerq && chown 65532:65532 /var/lib/ledgerq
USER 65532:65532
VOLUME /var/lib/ledgerq
EXPOSE 7654
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.LEDGERQ_PORT + '/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node as the first process gets SIGTERM itself, and drains. LEDGERQ_TOKEN must be set: the port is open to a network.
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["serve"]
