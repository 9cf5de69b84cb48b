// Reads pages as Prometheus reads them: with its own parsers, chosen by the Content-Type.
//
// Each line of stdin is a page: {"type": Content-Type, "page": base64}. For each, a line of stdout:
//
//	{"error": why Prometheus would refuse the page, or "",
//	 "samples": [{"labels": {…}, "value": "1.5", "timestamp": ms or null, "exemplar": {…} or null,
//	              "created": ms or null}],
//	 "types": {"family": "counter"}, "help": {…}}
//
// A line may also ask for a client's page, or that it is pushed (client.go), or be a request of remote write
// (write.go), or rules and label sets:
// {"relabel": [rule, …], "labels": [{…}, …]}. For that, {"error": why Prometheus refuses the rules, or "", "results":
// [what they make of each; null: it is dropped, or has no valid name]}.
//
// The value of a native histogram is what Prometheus writes for it; a created time is told of protobuf.
//
// A series that stands twice, has no valid name, or none at all is an error here; a scrape drops it or the page.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/textparse"
)

type page struct {
	Type string `json:"type"`
	Page []byte `json:"page"`

	Relabel []json.RawMessage   `json:"relabel"`
	Labels  []map[string]string `json:"labels"`

	Go    string `json:"go,omitempty"`
	Push  string `json:"push,omitempty"`
	Write []byte `json:"write,omitempty"`
}

type relabelled struct {
	Error   string              `json:"error"`
	Results []map[string]string `json:"results"`
}

type exemplarOf struct {
	Labels    map[string]string `json:"labels"`
	Value     string            `json:"value"`
	Timestamp *int64            `json:"timestamp"`
}

type sample struct {
	Labels    map[string]string `json:"labels"`
	Value     string            `json:"value"`
	Timestamp *int64            `json:"timestamp"`
	Exemplar  *exemplarOf       `json:"exemplar"`
	Created   *int64            `json:"created"`
}

type answer struct {
	Error   string            `json:"error"`
	Samples []sample          `json:"samples"`
	Types   map[string]string `json:"types"`
	Help    map[string]string `json:"help"`
}

func number(value float64) string {
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func exemplarAt(parser textparse.Parser) *exemplarOf {
	var found exemplar.Exemplar
	if !parser.Exemplar(&found) {
		return nil
	}
	made := &exemplarOf{Labels: found.Labels.Map(), Value: number(found.Value)}
	if found.HasTs {
		made.Timestamp = &found.Ts
	}
	return made
}

// The value, and the time of it, if there is one.
func valueOf(parser textparse.Parser, entry textparse.Entry) (string, *int64, error) {
	if entry == textparse.EntrySeries {
		_, at, value := parser.Series()
		return number(value), at, nil
	}
	_, at, whole, parts := parser.Histogram()
	if whole != nil {
		return whole.String(), at, whole.Validate()
	}
	return "float " + parts.String(), at, parts.Validate()
}

func createdAt(parser textparse.Parser) *int64 {
	if _, protobuf := parser.(*textparse.ProtobufParser); protobuf {
		if at := parser.StartTimestamp(); at != 0 {
			return &at
		}
	}
	return nil
}

func take(parser textparse.Parser, entry textparse.Entry, seen map[string]bool, into *answer) error {
	var set labels.Labels
	value, at, err := valueOf(parser, entry)
	if err != nil {
		return err
	}
	if at != nil {
		copied := *at
		at = &copied
	}
	parser.Labels(&set)
	if !set.Has(labels.MetricName) || !set.IsValid(model.UTF8Validation) {
		return fmt.Errorf("not a valid series: %s", set)
	}
	if name, twice := set.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("label %s twice: %s", name, set)
	}
	key := set.String()
	if seen[key] {
		return fmt.Errorf("twice on the page: %s", key)
	}
	seen[key] = true
	into.Samples = append(into.Samples, sample{set.Map(), value, at, exemplarAt(parser), createdAt(parser)})
	return nil
}

func read(p page) answer {
	into := answer{Samples: []sample{}, Types: map[string]string{}, Help: map[string]string{}}
	seen := map[string]bool{}
	parser, err := textparse.New(p.Page, p.Type, labels.NewSymbolTable(),
		textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
	for err == nil {
		var entry textparse.Entry
		if entry, err = parser.Next(); err != nil {
			break
		}
		switch entry {
		case textparse.EntrySeries, textparse.EntryHistogram:
			err = take(parser, entry, seen, &into)
		case textparse.EntryType:
			name, kind := parser.Type()
			into.Types[string(name)] = string(kind)
		case textparse.EntryHelp:
			name, help := parser.Help()
			into.Help[string(name)] = string(help)
		}
	}
	if !errors.Is(err, io.EOF) {
		into.Error = err.Error()
	}
	return into
}

func rules(written []json.RawMessage) ([]*relabel.Config, error) {
	var made []*relabel.Config
	for _, text := range written {
		rule := relabel.DefaultRelabelConfig
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&rule); err != nil {
			return nil, err
		}
		word := func(to any) error { *to.(*string) = string(rule.Action); return nil }
		if err := rule.Action.UnmarshalYAML(word); err != nil {
			return nil, err
		}
		if err := rule.Validate(model.UTF8Validation); err != nil {
			return nil, err
		}
		made = append(made, &rule)
	}
	return made, nil
}

func apply(p page) relabelled {
	into := relabelled{Results: []map[string]string{}}
	configs, err := rules(p.Relabel)
	if err != nil {
		into.Error = err.Error()
		return into
	}
	for _, set := range p.Labels {
		var result map[string]string
		builder := labels.NewBuilder(labels.FromMap(set))
		keep := relabel.ProcessBuilder(builder, configs...)
		if made := builder.Labels(); keep && made.Has(labels.MetricName) && made.IsValid(model.UTF8Validation) {
			result = made.Map()
		}
		into.Results = append(into.Results, result)
	}
	return into
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var p page
		if err == nil {
			err = json.Unmarshal(line, &p)
		}
		if err == nil && p.Push != "" {
			err = out.Encode(pushTo(p.Push))
		} else if err == nil && p.Go != "" {
			if p, err = ofClient(); err == nil {
				err = out.Encode(p)
			}
		} else if err == nil && p.Write != nil {
			err = out.Encode(readWrite(p))
		} else if err == nil && p.Relabel != nil {
			err = out.Encode(apply(p))
		} else if err == nil {
			err = out.Encode(read(p))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "prometheus_parsers:", err)
			os.Exit(1)
		}
	}
}
