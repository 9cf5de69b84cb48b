# The app of compose.yaml, run by the sidecar's user, who owns the volumes that they share.
FROM node:20-bookworm-slim
RUN install -d -o 1001 -g 1001 /run/app /var/log/app
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY app.js ./
USER 1001:1001
CMD ["node", "app.js"]
