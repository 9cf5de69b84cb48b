// An app whose jaeger-client samples `remote`, as it does by default, and begins with no trace at all.
//
// SAMPLING_PORT is where it asks, ENDPOINT where it sends. It starts spans until one is sampled, says by which sampler,
// and ends once that span was sent.
'use strict';

const { initTracer } = require('jaeger-client');

const tracer = initTracer({
  serviceName: 'shop "ü" \\u0000 100%',
  sampler: {
    type: 'remote', param: 0, host: '127.0.0.1', port: Number(process.env.SAMPLING_PORT), refreshIntervalMs: 50,
  },
  reporter: { collectorEndpoint: process.env.ENDPOINT },
}, {});

const tries = setInterval(() => {
  const span = tracer.startSpan('try');
  span.finish();
  if (!span.context().isSampled()) return;
  clearInterval(tries);
  console.log(tracer._sampler._sampler.toString());
  tracer.close();
}, 20);
