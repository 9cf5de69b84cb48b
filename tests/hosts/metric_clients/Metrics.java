import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.core.metrics.StateSet;
import io.prometheus.metrics.core.metrics.Summary;
import io.prometheus.metrics.exporter.httpserver.HTTPServer;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.Unit;
import java.time.Duration;

/**
 * One metric of each kind that Prometheus' client for Java and Micrometer have, on one page. Nothing changes once the port
 * is printed.
 */
public class Metrics {
	private static void makeClients() {
		Labels trace = Labels.of("trace_id", "0af7651916cd43dd8448eb211c80319c", "span_id", "b7ad6b7169203331");
		Counter.builder().name("jobs_total").help("Jobs, \"done\"\nor not").labelNames("kind").register()
			.labelValues("a \"\\\n\u00e4").incWithExemplar(3, trace);
		Gauge.builder().name("temperature").unit(Unit.CELSIUS).register().set(-1.5);
		Histogram both = Histogram.builder().name("took").unit(Unit.SECONDS).labelNames("path").register();
		Histogram classic = Histogram.builder().name("classic").classicOnly().classicUpperBounds(1, 10).register();
		Histogram natively = Histogram.builder().name("natively").nativeOnly().register();
		for (double value : new double[] { 0.003, 0.25, 4, 70 }) {
			both.labelValues("/").observe(value);
			classic.observeWithExemplar(value, trace);
			natively.observe(value);
			natively.observe(-value);
		}
		Summary summary = Summary.builder().name("sizes").quantile(0.5).quantile(0.99).register();
		for (int i = 1; i <= 100; i++)
			summary.observe(i);
		Info.builder().name("build_info").labelNames("version").register().addLabelValues("1.2");
		StateSet.builder().name("door").states("open", "shut").register().setTrue("shut");
	}

	private static void makeMicrometer() {
		PrometheusMeterRegistry registry = new PrometheusMeterRegistry(
			PrometheusConfig.DEFAULT, PrometheusRegistry.defaultRegistry, Clock.SYSTEM);
		registry.counter("orders.placed", "payment.method", "card").increment(7);
		Timer timer = Timer.builder("http.server.requests").tag("uri", "/cart").publishPercentileHistogram()
			.serviceLevelObjectives(Duration.ofMillis(150)).register(registry);
		timer.record(Duration.ofMillis(30));
		timer.record(Duration.ofMillis(200));
		DistributionSummary.builder("body").baseUnit("bytes").register(registry).record(512);
		registry.gauge("queue.size", 4);
	}

	public static void main(String[] words) throws Exception {
		makeClients();
		makeMicrometer();
		HTTPServer server = HTTPServer.builder().hostname("127.0.0.1").port(0).buildAndStart();
		System.out.println(server.getPort());
		Thread.currentThread().join();
	}
}
