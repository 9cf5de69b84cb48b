/*
 * OpenTelemetry as its guide for Node says: auto-instrumentation of http and express, OTLP protobuf over HTTP to
 * OTEL_EXPORTER_OTLP_ENDPOINT. Without that variable nothing is traced, so that the app runs alone too.
 */
'use strict';

const { NodeSDK } = require('@opentelemetry/sdk-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { getNodeAutoInstrumentations } = require('@opentelemetry/auto-instrumentations-node');

process.env.OTEL_SERVICE_NAME = process.env.OTEL_SERVICE_NAME || 'shop';
process.env.OTEL_METRICS_EXPORTER = process.env.OTEL_METRICS_EXPORTER || 'none';
process.env.OTEL_LOGS_EXPORTER = process.env.OTEL_LOGS_EXPORTER || 'none';
process.env.OTEL_NODE_ENABLED_INSTRUMENTATIONS = process.env.OTEL_NODE_ENABLED_INSTRUMENTATIONS || 'http,express';

let sdk;
const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = process.env;
if (OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
  sdk = new NodeSDK({
    traceExporter: new OTLPTraceExporter(),
    instrumentations: [getNodeAutoInstrumentations()],
  });
  sdk.start();
}

async function shutdownTracing() {
  if (!sdk) return;
  try {
    await sdk.shutdown();
  } catch (err) {
    console.error(`tracing: ${err.message}`);
  }
}

module.exports = { shutdownTracing };
