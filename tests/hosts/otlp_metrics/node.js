// Each instrument of the OpenTelemetry SDK once, as python_metrics.py has them, over the protocol of
// OTEL_EXPORTER_OTLP_PROTOCOL.
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');

const kinds = { grpc: 'grpc', 'http/json': 'http', 'http/protobuf': 'proto' };
const kind = kinds[process.env.OTEL_EXPORTER_OTLP_PROTOCOL];
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${kind}`);

async function main() {
  const exporter = new OTLPMetricExporter();
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 600000 });
  const resource = defaultResource().merge(resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME }));
  const provider = new MeterProvider({ readers: [reader], resource });
  const meter = provider.getMeter('shop.orders', '1.2');
  const orders = meter.createCounter('shop.orders', { unit: '{order}', description: 'Orders taken.' });
  const size = meter.createUpDownCounter('queue.size');
  const took = meter.createHistogram('http.server.request.duration',
    { unit: 's', advice: { explicitBucketBoundaries: [0.1, 1] } });
  meter.createObservableGauge('cpu.utilization', { unit: '1' }).addCallback((r) => r.observe(0.25, { cpu: 0 }));
  meter.createObservableCounter('disk.io', { unit: 'By' }).addCallback(
    (r) => r.observe(4096, { direction: 'read' }));
  for (let i = 0; i < 2; i++) {
    for (let number = 0; number < 3; number++) {
      orders.add(2, { 'payment.method': 'card', first: number === 0 });
      size.add(-1);
      took.record(0.05 * 10 ** number, { 'http.route': '/cart' });
    }
    await provider.forceFlush();
  }
  await provider.shutdown();
}

main();
