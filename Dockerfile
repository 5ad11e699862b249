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
HEALTHCHECK CMD ["node", "dist/server.mjs", "health"]
CMD ["node", "dist/server.mjs"]
