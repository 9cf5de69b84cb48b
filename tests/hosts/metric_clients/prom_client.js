/* Exemplars as prom-client has them, on a page of OpenMetrics. Prints its port. */
'use strict';

const http = require('node:http');
const prom = require('prom-client');

const register = new prom.Registry(prom.Registry.OPENMETRICS_CONTENT_TYPE);
const exemplarLabels = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };
const jobs = new prom.Counter({
  name: 'jobs', help: 'Jobs', labelNames: ['kind'], registers: [register], enableExemplars: true,
});
const took = new prom.Histogram({
  name: 'took_seconds', help: 'Time', labelNames: ['path'], buckets: [0.1, 1], registers: [register],
  enableExemplars: true,
});

jobs.inc({ labels: { kind: 'a "\\\n' }, value: 3, exemplarLabels });
for (const value of [0.05, 0.5, 5]) took.observe({ labels: { path: '/' }, value, exemplarLabels });

const server = http.createServer(async (request, response) => {
  response.setHeader('Content-Type', register.contentType);
  response.end(await register.metrics());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
