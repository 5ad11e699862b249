# The service as a small image: one stage builds, the other has Node.js and what was built, and nothing else.

FROM node:20-slim AS build
WORKDIR /app
# Before the sources, so that a change of code installs nothing anew.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM node:20-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/dist dist
USER node
EXPOSE 5000
HEALTHCHECK CMD ["node", "-e", "fetch(`http://localhost:${process.env.PORT || 5000}/health`).then(({ ok }) => process.exit(ok ? 0 : 1))"]
CMD ["node", "dist/server.mjs"]
