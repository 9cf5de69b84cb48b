/*
 * A shop API as a team writes it: Express, prom-client, winston, OpenTelemetry, PostgreSQL and Redis.
 *
 *   PORT                           of the API and of the app's own probe
 *   DATABASE_URL, REDIS_URL        a password may stand in a file, DATABASE_URL_PASSWORD_FILE; Redis may be missing
 *   LOG_FILE                       where log lines go
 *   METRICS_SOCKET                 a Unix socket that serves /metrics
 */
'use strict';

const { NodeSDK } = require('@opentelemetry/sdk-node');
const { getNodeAutoInstrumentations } = require('@opentelemetry/auto-instrumentations-node');

const sdk = new NodeSDK({
  instrumentations: [getNodeAutoInstrumentations()],
});
sdk.start(); // before anything that is to be instrumented

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const express = require('express');
const pg = require('pg');
const prom = require('prom-client');
const redis = require('redis');
const winston = require('winston');

const logger = winston.createLogger({
  level: process.env.LOG_LEVEL || 'info',
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  defaultMeta: { service: process.env.OTEL_SERVICE_NAME },
  transports: [new winston.transports.File({ filename: process.env.LOG_FILE, maxsize: 16 << 20, maxFiles: 4 })],
});

/* The URL that a variable names, with the password of a file, if one is named. */
function withPassword(name) {
  const url = new URL(process.env[name]);
  const file = process.env[`${name}_PASSWORD_FILE`];
  if (file) url.password = fs.readFileSync(file, 'utf8').trim();
  return url.href;
}

const database = new pg.Pool({ connectionString: withPassword('DATABASE_URL'), connectionTimeoutMillis: 2000 });
database.on('error', (err) => console.error(err.message));
const cacheOptions = { disableOfflineQueue: true };
const cache = process.env.REDIS_URL && redis.createClient({ url: withPassword('REDIS_URL'), ...cacheOptions });
if (cache) cache.on('error', (err) => console.error(err.message));

prom.collectDefaultMetrics();
const requests = new prom.Counter({
  name: 'http_requests_total',
  help: 'HTTP requests served',
  labelNames: ['method', 'route', 'status'],
});
const duration = new prom.Histogram({
  name: 'http_request_duration_seconds',
  help: 'Time to serve an HTTP request',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.1, 0.5, 1, 2, 5],
});

/* Counts, times and logs every request once its answer is out. */
function observe(req, res, next) {
  const end = duration.startTimer();
  res.on('finish', () => {
    const labels = { method: req.method, route: req.route ? req.route.path : 'unknown', status: res.statusCode };
    requests.inc(labels);
    end(labels);
    logger.log(res.statusCode >= 500 ? 'error' : 'info', `${req.method} ${labels.route}`, {
      status: res.statusCode,
      requestId: req.get('x-request-id') || randomUUID(),
    });
  });
  next();
}

const app = express();
app.get('/health/liveness', (req, res) => res.json({ status: 'ok' }));
app.use(observe);
app.use(express.json());
app.get('/orders', async (req, res) => {
  const { rows } = await database.query('SELECT count(*) AS orders FROM orders');
  res.json({ orders: Number(rows[0].orders), seen: cache ? await cache.incr('seen') : null });
});
app.post('/orders', async (req, res) => {
  await database.query('INSERT INTO orders (product) VALUES ($1)', [req.body.product]);
  res.status(201).json({ product: req.body.product });
});
app.use((err, req, res, next) => {
  logger.error(err.message, { stack: err.stack });
  res.status(500).json({ error: 'internal' });
});

async function serveMetrics(req, res) {
  res.setHeader('Content-Type', prom.register.contentType).end(await prom.register.metrics());
}

async function main() {
  fs.rmSync(process.env.METRICS_SOCKET, { force: true });
  http.createServer(serveMetrics).listen(process.env.METRICS_SOCKET);
  if (cache) await cache.connect();
  await database.query('CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, product integer NOT NULL)');
  const server = app.listen(process.env.PORT, () => console.log(JSON.stringify({ ready: true })));
  process.once('SIGTERM', async () => {
    server.close();
    server.closeIdleConnections();
    await sdk.shutdown();
    logger.on('finish', () => process.exit(0));
    logger.end();
  });
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
