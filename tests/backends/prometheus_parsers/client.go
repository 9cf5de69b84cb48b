// What an app has that uses Prometheus' own client library, and how it tells it: {"go": "page"} is answered with its
// page in protobuf, {"type": …, "page": base64}; {"push": URL} pushes it to a Pushgateway, as the library does by
// default, and is answered {"error": why that failed, or ""}.
package main

import (
	"bytes"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
)

func observed(options prometheus.HistogramOpts) prometheus.Histogram {
	made := prometheus.NewHistogram(options)
	for value := 1.0; value < 1e6; value *= 1.7 {
		made.Observe(value)
	}
	made.Observe(0)
	made.Observe(-3)
	made.(prometheus.ExemplarObserver).ObserveWithExemplar(7, prometheus.Labels{"trace_id": "abc"})
	return made
}

func registry() *prometheus.Registry {
	made := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jobs_total", Help: "Jobs.\n\"All\"\\"},
		[]string{"kind"})
	counter.WithLabelValues("a \"\\\n").(prometheus.ExemplarAdder).AddWithExemplar(2.5,
		prometheus.Labels{"trace_id": "x\"y"})
	counter.WithLabelValues("b").Add(3)
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "depth"})
	gauge.Set(-1.5)
	odd := prometheus.UntypedOpts{Name: "odd", ConstLabels: prometheus.Labels{"x": "1"}}
	untyped := prometheus.NewUntypedFunc(odd, func() float64 { return 7 })
	half := map[float64]float64{0.5: 0.05}
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "sizes", Objectives: half})
	summary.Observe(4)
	made.MustRegister(counter, gauge, untyped, summary,
		observed(prometheus.HistogramOpts{Name: "classic", Buckets: []float64{0.5, 1, 10}}),
		observed(prometheus.HistogramOpts{Name: "native", NativeHistogramBucketFactor: 1.1}),
		observed(prometheus.HistogramOpts{Name: "both", Buckets: []float64{1, 10},
			NativeHistogramBucketFactor: 1.5}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "unused", NativeHistogramBucketFactor: 1.1}))
	return made
}

func ofClient() (page, error) {
	var to bytes.Buffer
	kind := expfmt.NewFormat(expfmt.TypeProtoDelim)
	families, err := registry().Gather()
	if err != nil {
		return page{}, err
	}
	encoder := expfmt.NewEncoder(&to, kind)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return page{}, err
		}
	}
	return page{Type: string(kind), Page: to.Bytes()}, nil
}

func pushTo(url string) map[string]string {
	if err := push.New(url, "go").Gatherer(registry()).Push(); err != nil {
		return map[string]string{"error": fmt.Sprint(err)}
	}
	return map[string]string{"error": ""}
}
