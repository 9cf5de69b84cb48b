/*
 * A small shop API, written as a backend developer writes one: Express, prom-client, winston, OpenTelemetry. It knows
 * nothing of the agent beside it, only a socket path for its metrics, a file for its log and the OTEL_* variables.
 *
 *   METRICS_SOCKET  Unix socket that serves /metrics        LOG_FILE  JSON log, one object a line
 *   PORT            of the API, 0 or unset for a free one   --traffic N/s  makes its own requests, for the demo
 *
 * Prints {"ready":true,"port":N} once everything listens; ends cleanly at SIGTERM.
 */
'use strict';

const { shutdownTracing } = require('./tracing'); // before anything that is to be instrumented
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const express = require('express');
const prom = require('prom-client');
const winston = require('winston');
const { startTraffic } = require('./traffic');

const METRICS_SOCKET = process.env.METRICS_SOCKET;
const LOG_FILE = process.env.LOG_FILE;

const logger = winston.createLogger({
  level: process.env.LOG_LEVEL || 'info',
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  defaultMeta: { service: process.env.OTEL_SERVICE_NAME || 'shop' },
  transports: [
    LOG_FILE
      ? new winston.transports.File({ filename: LOG_FILE })
      : new winston.transports.Console({ stderrLevels: ['info', 'error'] }),
  ],
});

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
      userId: req.get('x-user-id') || 'anonymous',
      email: req.get('x-user-email') || 'anonymous@example.com',
      ipAddress: req.ip,
      userAgent: req.get('user-agent'),
      status: res.statusCode,
      requestId: randomUUID(),
    });
  });
  next();
}

const products = [
  { id: 1, name: 'Field guide', price: 24.5 },
  { id: 2, name: 'Binoculars', price: 189 },
  { id: 3, name: 'Rain hat', price: 31.9 },
];

const app = express();
app.use(observe);
app.use(express.json());
app.get('/products', (req, res) => res.json(products));
app.get('/products/:id', (req, res) => {
  const product = products.find((p) => p.id === Number(req.params.id));
  if (!product) return res.status(404).json({ error: 'no such product' });
  return res.json(product);
});
app.post('/orders', (req, res) => res.status(201).json({ id: randomUUID(), ...req.body }));
app.get('/fail', () => {
  throw new Error('payment provider said "no"');
});
app.use((err, req, res, next) => {
  logger.error(err.message, { stack: err.stack });
  res.status(500).json({ error: 'internal' });
});

/* The page that a Prometheus, or an agent in its place, reads. */
async function serveMetrics(req, res) {
  res.setHeader('Content-Type', prom.register.contentType);
  res.end(await prom.register.metrics());
}

function listen(server, where) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => resolve(server));
  });
}

async function main() {
  const servers = [];
  if (METRICS_SOCKET) {
    fs.rmSync(METRICS_SOCKET, { force: true });
    servers.push(await listen(http.createServer(serveMetrics), METRICS_SOCKET));
  }
  const api = await listen(http.createServer(app), { port: Number(process.env.PORT || 0), host: '127.0.0.1' });
  servers.push(api);
  const stopTraffic = startTraffic(api.address().port, process.argv.slice(2));
  console.log(JSON.stringify({ ready: true, port: api.address().port }));

  const stop = async () => {
    stopTraffic();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    await shutdownTracing();
    logger.on('finish', () => process.exit(0));
    logger.end();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
