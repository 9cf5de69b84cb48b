// What Prometheus reads from a request of remote write, with its own messages: {"write": base64 of the body, packed by
// snappy, "type": Content-Type} is answered with {"error": why it cannot be read, or "", "series": [{"labels": {…},
// "samples": [{"value": "1.5", "bits": "3ff8000000000000", "timestamp": ms, "start": ms}], "exemplars": [{…}],
// "type": "counter", "help": …, "unit": …}], "metadata": {"family": …}}. In 1.0 types are told of families alone.
package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

type writtenSample struct {
	Value     string `json:"value"`
	Bits      string `json:"bits"`
	Timestamp int64  `json:"timestamp"`
	Start     int64  `json:"start"`
}

type metadataOf struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

type writtenSeries struct {
	Labels    map[string]string `json:"labels"`
	Samples   []writtenSample   `json:"samples"`
	Exemplars []exemplarOf      `json:"exemplars"`
	metadataOf
}

type written struct {
	Error    string                `json:"error"`
	Series   []writtenSeries       `json:"series"`
	Metadata map[string]metadataOf `json:"metadata"`
}

func writtenValue(value float64, at, start int64) writtenSample {
	return writtenSample{number(value), fmt.Sprintf("%016x", math.Float64bits(value)), at, start}
}

func writtenExemplar(read exemplar.Exemplar) exemplarOf {
	return exemplarOf{Labels: read.Labels.Map(), Value: number(read.Value), Timestamp: &read.Ts}
}

// What a receiver refuses, too.
func check(set labels.Labels) error {
	if name, twice := set.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("label %s twice: %s", name, set)
	}
	last := ""
	var wrong error
	set.Range(func(l labels.Label) {
		if l.Name <= last || l.Value == "" {
			wrong = fmt.Errorf("labels out of order, or empty: %s", set)
		}
		last = l.Name
	})
	if !set.Has(labels.MetricName) {
		return fmt.Errorf("no name: %s", set)
	}
	return wrong
}

func readWrite1(message []byte, into *written) error {
	var request prompb.WriteRequest
	var builder labels.ScratchBuilder
	if err := request.Unmarshal(message); err != nil {
		return err
	}
	for _, m := range request.Metadata {
		into.Metadata[m.MetricFamilyName] = metadataOf{strings.ToLower(m.Type.String()), m.Help, m.Unit}
	}
	for _, s := range request.Timeseries {
		set := s.ToLabels(&builder, nil)
		if err := check(set); err != nil {
			return err
		}
		made := writtenSeries{Labels: set.Map()}
		for _, sample := range s.Samples {
			made.Samples = append(made.Samples, writtenValue(sample.Value, sample.Timestamp, 0))
		}
		for _, e := range s.Exemplars {
			made.Exemplars = append(made.Exemplars, writtenExemplar(e.ToExemplar(&builder, nil)))
		}
		into.Series = append(into.Series, made)
	}
	return nil
}

func readSeries2(s writev2.TimeSeries, symbols []string) (writtenSeries, error) {
	var builder labels.ScratchBuilder
	set, err := s.ToLabels(&builder, symbols)
	if err == nil {
		err = check(set)
	}
	if err != nil {
		return writtenSeries{}, err
	}
	told, err := s.ToMetadata(symbols)
	made := writtenSeries{Labels: set.Map(), metadataOf: metadataOf{string(told.Type), told.Help, told.Unit}}
	for _, sample := range s.Samples {
		made.Samples = append(made.Samples, writtenValue(sample.Value, sample.Timestamp, sample.StartTimestamp))
	}
	for _, e := range s.Exemplars {
		read, wrong := e.ToExemplar(&builder, symbols)
		if wrong != nil {
			return made, wrong
		}
		made.Exemplars = append(made.Exemplars, writtenExemplar(read))
	}
	return made, err
}

func readWrite2(message []byte, into *written) error {
	var request writev2.Request
	if err := request.Unmarshal(message); err != nil {
		return err
	}
	if len(request.Symbols) > 0 && request.Symbols[0] != "" {
		return fmt.Errorf("the first symbol is %q", request.Symbols[0])
	}
	for _, s := range request.Timeseries {
		made, err := readSeries2(s, request.Symbols)
		if err != nil {
			return err
		}
		into.Series = append(into.Series, made)
	}
	return nil
}

func readWrite(p page) written {
	into := written{Series: []writtenSeries{}, Metadata: map[string]metadataOf{}}
	message, err := snappy.Decode(nil, p.Write)
	if err == nil && strings.HasSuffix(p.Type, "=io.prometheus.write.v2.Request") {
		err = readWrite2(message, &into)
	} else if err == nil {
		err = readWrite1(message, &into)
	}
	if err != nil {
		into.Error = err.Error()
	}
	return into
}
