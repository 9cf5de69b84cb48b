// Three spans of every kind of content, sent by the OpenTelemetry SDK with its defaults, over gRPC or HTTP as
// OTEL_EXPORTER_OTLP_PROTOCOL says. They begin at START_SECOND, in the trace TRACE_ID, whose caller is the span
// 0000000000000009. Prints the name and the id of each.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// A caller that came in with a traceparent and a tracestate, as a propagator reads them.
func caller(ctx context.Context) (context.Context, error) {
	state, err := trace.ParseTraceState("vendor=value,other@tenant=1")
	if err != nil {
		return nil, err
	}
	id, err := trace.TraceIDFromHex(os.Getenv("TRACE_ID"))
	if err != nil {
		return nil, err
	}
	from := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: trace.SpanID{7: 9}, TraceFlags: trace.FlagsSampled,
		TraceState: state, Remote: true})
	return trace.ContextWithRemoteSpanContext(ctx, from), nil
}

func makeThree(ctx context.Context, tracer trace.Tracer, start time.Time) {
	at := func(ns time.Duration) trace.SpanEventOption { return trace.WithTimestamp(start.Add(ns)) }
	values := []attribute.KeyValue{
		attribute.String("text", "ä \U0001f600"), attribute.Int64("int", math.MinInt64),
		attribute.Float64("float", 0.1), attribute.Bool("bool", true),
		attribute.StringSlice("texts", []string{"a", ""}), attribute.Int64Slice("ints", []int64{1, -2}),
		attribute.Float64Slice("floats", []float64{1.5, math.Copysign(0, -1)}),
		attribute.BoolSlice("bools", []bool{true, false})}
	inside, root := tracer.Start(ctx, "GET /cart", at(0), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(values...))
	_, child := tracer.Start(inside, "SELECT", at(1), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.system", "postgresql")))
	child.AddEvent("retry", at(2), trace.WithAttributes(attribute.Int("attempt", 2)))
	child.SetStatus(codes.Error, "deadlock")
	_, sent := tracer.Start(inside, "send", at(3), trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithLinks(trace.Link{SpanContext: child.SpanContext(),
			Attributes: []attribute.KeyValue{attribute.String("why", "same cart")}}))
	sent.SetStatus(codes.Ok, "")
	sent.End(at(10))
	child.End(at(4000))
	root.End(at(5000))
	for name, span := range map[string]trace.Span{"GET /cart": root, "SELECT": child, "send": sent} {
		fmt.Printf("%s\t%s\n", name, span.SpanContext().SpanID())
	}
}

func run() error {
	second, err := strconv.ParseInt(os.Getenv("START_SECOND"), 10, 64)
	if err != nil {
		return err
	}
	ctx, err := caller(context.Background())
	if err != nil {
		return err
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter))
	tracer := provider.Tracer("shop", trace.WithInstrumentationVersion("1.2.3"),
		trace.WithSchemaURL("https://opentelemetry.io/schemas/1.37.0"),
		trace.WithInstrumentationAttributes(attribute.String("team", "cart")))
	makeThree(ctx, tracer, time.Unix(second, 123_456_789))
	return provider.Shutdown(ctx)
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
