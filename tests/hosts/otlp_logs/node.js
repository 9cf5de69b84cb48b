// Spans and log records through the OpenTelemetry SDK of Node with its defaults, in the encoding that $ENCODING names:
// "http" is JSON, "proto" is protobuf. Prints one JSON object for each log record: what its document has to say.
'use strict';
const { SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { resourceFromAttributes, defaultResource } = require('@opentelemetry/resources');
const encoding = process.env.ENCODING;
const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${encoding}`);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${encoding}`);

const resource = defaultResource().merge(resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME }));
const spans = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
const logs = new LoggerProvider({
  resource, processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })],
});
const attributes = {
  text: 'grün "x"\n\u0001', yes: true, int: -5, half: 0.5, texts: ['a', 'b'], deep: { deeper: ['x', 'y'] },
};

spans.register();

async function main() {
  const logger = logs.getLogger('own', '2.1');
  const expected = [];
  const now = [Math.floor(Date.now() / 1000), 123456789];
  for (let n = 0; n < 500; n++) {
    logger.emit({
      timestamp: now, severityNumber: SeverityNumber.WARN, severityText: 'warning', body: `record ${n}`, attributes,
      eventName: 'made',
    });
    expected.push({
      message: `record ${n}`, time: String(BigInt(now[0]) * 1000000000n + BigInt(now[1])), 'event.severity': 13,
      'log.level': 'warning', 'log.logger': 'own', 'otel.scope.version': '2.1', 'event.action': 'made', ...attributes,
    });
  }
  const tracer = spans.getTracer('own', '2.1');
  tracer.startActiveSpan('parent', { kind: SpanKind.SERVER, attributes: { text: 'grün', texts: ['a'], half: 0.5 } },
    (span) => {
      const context = span.spanContext();
      logger.emit({ body: 'in a span' });
      expected.push({ message: 'in a span', 'trace.id': context.traceId, 'span.id': context.spanId });
      span.addEvent('event', { n: 1 });
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
      span.end();
    });
  await logs.shutdown();
  await spans.shutdown();
  for (const record of expected) console.log(JSON.stringify(record));
}

main();
