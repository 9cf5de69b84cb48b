// Sends the same spans to two places with each tracer of Node that speaks Jaeger's Thrift or Zipkin's JSON.
//
// TARGETS: [{ "http": "http://127.0.0.1:14268/api/traces", "binary": 6832, "zipkin": "http://…/api/v2/spans" }, …].
// Each client is a service of its own, named after it. The program ends once everything was sent.
'use strict';

const targets = JSON.parse(process.env.TARGETS);

function jaegerClient(name, sender) {
  const jaeger = require('jaeger-client');
  const { CompositeReporter, RemoteReporter, ConstSampler, Tracer } = jaeger;
  const remotes = targets.map((target) => new RemoteReporter(sender(target), { bufferFlushInterval: 100 }));
  const tracer = new Tracer(name, new CompositeReporter(remotes), new ConstSampler(true), {
    tags: { build: 'a1b2', replicas: 3, canary: false, load: 0.25 },
  });
  const root = tracer.startSpan('GET /products', { tags: { 'span.kind': 'server', 'http.status_code': 500 } });
  const query = tracer.startSpan('select', { childOf: root, tags: { 'span.kind': 'client', rows: 12, ratio: 1.5 } });
  query.log({ event: 'retry', attempt: 2, 'späte Zeile': 'ü 😀' });
  query.log({ message: 'no name' });
  query.setTag('rows', 13).setTag('error', true).setTag('http.status_message', 'gone');
  query.finish();
  const other = tracer.startSpan('elsewhere');
  const { followsFrom, childOf } = require('opentracing');
  const later = tracer.startSpan('later', {
    references: [followsFrom(query.context()), childOf(root.context()), followsFrom(other.context())],
  });
  later.setTag('cached', true);
  later.finish();
  other.finish();
  root.finish();
  return new Promise((done) => tracer.close(done));
}

function otel(name, exporter) {
  const api = require('@opentelemetry/api');
  const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
  const { Resource } = require('@opentelemetry/resources');
  const provider = new NodeTracerProvider({
    resource: new Resource({ 'service.name': name, 'service.version': '1.2', 'host.name': 'h', 'process.pid': 7 }),
  });
  for (const target of targets) provider.addSpanProcessor(new SimpleSpanProcessor(exporter(target)));
  const tracer = provider.getTracer('shop', '0.3');
  const root = tracer.startSpan('GET /cart', { kind: api.SpanKind.SERVER, root: true });
  const inside = api.trace.setSpan(api.context.active(), root);
  const child = tracer.startSpan('charge', {
    kind: api.SpanKind.CLIENT,
    links: [{ context: tracer.startSpan('linked', { root: true }).spanContext() }],
    attributes: { text: 'a "quoted" \\ ü 😀 \u0001', count: 3, ratio: 0.5, flag: true, list: ['a', 'b'] },
  }, inside);
  child.addEvent('declined', { code: 51 });
  child.setStatus({ code: api.SpanStatusCode.ERROR, message: 'card declined' });
  child.end();
  tracer.startSpan('work', { kind: api.SpanKind.INTERNAL }, inside).end();
  tracer.startSpan('publish', { kind: api.SpanKind.PRODUCER }, inside).end();
  root.end();
  return provider.shutdown();
}

async function main() {
  const HTTPSender = require('jaeger-client/dist/src/reporters/http_sender.js').default;
  const UDPSender = require('jaeger-client/dist/src/reporters/udp_sender.js').default;
  const { JaegerExporter } = require('@opentelemetry/exporter-jaeger');
  const { ZipkinExporter } = require('@opentelemetry/exporter-zipkin');
  await jaegerClient('jaeger-client-http', (t) => new HTTPSender({ endpoint: t.http }));
  await jaegerClient('jaeger-client-udp', (t) => new UDPSender({ host: '127.0.0.1', port: t.binary }));
  await otel('node-exporter-jaeger-http', (t) => new JaegerExporter({ endpoint: t.http }));
  await otel('node-exporter-jaeger-udp', (t) => new JaegerExporter({ host: '127.0.0.1', port: t.binary }));
  await otel('node-exporter-zipkin', (t) => new ZipkinExporter({ url: t.zipkin }));
}

main();
