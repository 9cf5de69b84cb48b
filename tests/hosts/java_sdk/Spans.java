import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Three spans of every kind of content, sent by the OpenTelemetry SDK with its defaults, over gRPC or HTTP as
 * OTEL_EXPORTER_OTLP_PROTOCOL says. They begin at START_SECOND, in the trace TRACE_ID, whose caller is the span
 * 0000000000000009. Prints the name and the id of each.
 */
public final class Spans {
	private static final long START = Long.parseLong(System.getenv("START_SECOND")) * 1_000_000_000L + 123_456_789;

	/** A caller that came in with a traceparent and a tracestate, as a propagator reads them. */
	private static Context caller() {
		TraceState state = TraceState.builder().put("other@tenant", "1").put("vendor", "value").build();
		return Context.root().with(Span.wrap(SpanContext.createFromRemoteParent(
				System.getenv("TRACE_ID"), "0000000000000009", TraceFlags.getSampled(), state)));
	}

	private static void make(Tracer tracer) {
		Span root = tracer.spanBuilder("GET /cart").setParent(caller()).setSpanKind(SpanKind.SERVER)
				.setStartTimestamp(START, TimeUnit.NANOSECONDS)
				.setAttribute("text", "ä \uD83D\uDE00").setAttribute("int", Long.MIN_VALUE)
				.setAttribute("float", 0.1).setAttribute("bool", true)
				.setAttribute(AttributeKey.stringArrayKey("texts"), List.of("a", ""))
				.setAttribute(AttributeKey.longArrayKey("ints"), List.of(1L, -2L))
				.setAttribute(AttributeKey.doubleArrayKey("floats"), List.of(1.5, -0.0))
				.setAttribute(AttributeKey.booleanArrayKey("bools"), List.of(true, false)).startSpan();
		Context inside = Context.root().with(root);
		Span child = tracer.spanBuilder("SELECT").setParent(inside).setSpanKind(SpanKind.CLIENT)
				.setStartTimestamp(START + 1, TimeUnit.NANOSECONDS)
				.setAttribute("db.system", "postgresql").startSpan();
		child.addEvent("retry", Attributes.of(AttributeKey.longKey("attempt"), 2L), START + 2, TimeUnit.NANOSECONDS);
		child.setStatus(StatusCode.ERROR, "deadlock");
		Span sent = tracer.spanBuilder("send").setParent(inside).setSpanKind(SpanKind.PRODUCER)
				.setStartTimestamp(START + 3, TimeUnit.NANOSECONDS)
				.addLink(child.getSpanContext(), Attributes.of(AttributeKey.stringKey("why"), "same cart"))
				.startSpan();
		sent.setStatus(StatusCode.OK);
		sent.end(START + 10, TimeUnit.NANOSECONDS);
		child.end(START + 4000, TimeUnit.NANOSECONDS);
		root.end(START + 5000, TimeUnit.NANOSECONDS);
		Map.of("GET /cart", root, "SELECT", child, "send", sent).forEach(
				(name, span) -> System.out.println(name + "\t" + span.getSpanContext().getSpanId()));
	}

	public static void main(String[] words) {
		OpenTelemetrySdk sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk();
		make(sdk.getTracerProvider().tracerBuilder("shop").setInstrumentationVersion("1.2.3")
				.setSchemaUrl("https://opentelemetry.io/schemas/1.37.0").build());
		sdk.close();
	}
}
