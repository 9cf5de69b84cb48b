/*
 * Spans of every kind, sent by the OpenTelemetry SDK over gRPC with its defaults. Only ids differ from one run to the
 * next. The second at which they begin is START_SECOND.
 */
'use strict';

const { trace, context, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
const { NodeSDK } = require('@opentelemetry/sdk-node');

process.env.OTEL_METRICS_EXPORTER = 'none';
process.env.OTEL_LOGS_EXPORTER = 'none';
const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() });
sdk.start();
const tracer = trace.getTracer('shop', '1.2.3');
const at = (ns) => [Number(process.env.START_SECOND), 123_456_000 + ns];

const root = tracer.startSpan('GET /cart', {
  kind: SpanKind.SERVER,
  startTime: at(0),
  attributes: { text: 'ä 😀', int: 42, float: 0.5, bool: true, texts: ['a', ''], ints: [1, 2], bools: [true, false] },
});
const inside = trace.setSpan(context.active(), root);
const child = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, startTime: at(1) }, inside);
child.addEvent('retry', { attempt: 2 }, at(2));
child.setStatus({ code: SpanStatusCode.ERROR, message: 'deadlock' });
const links = [{ context: child.spanContext(), attributes: { why: 'same cart' } }];
const sent = tracer.startSpan('send', { kind: SpanKind.PRODUCER, startTime: at(3), links }, inside);
sent.setStatus({ code: SpanStatusCode.OK });
sent.end(at(10));
child.end(at(4000));
root.end(at(5000));
sdk.shutdown().catch((failed) => {
  console.error(failed);
  process.exitCode = 1;
});
