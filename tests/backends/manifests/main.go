// Reads manifests as the API server does: each object strictly into the Go type of its kind, so that a field that is
// misspelt, of the wrong type or named twice is found, and each pod by the evaluator of the Pod Security standard
// "restricted".
//
//	manifests FILE...
//
// prints a line of JSON for each object: its kind and name, what is wrong with it, and what the standard forbids.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

type finding struct {
	File      string   `json:"file"`
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	Error     string   `json:"error,omitempty"`
	Forbidden []string `json:"forbidden,omitempty"`
}

type checker struct {
	decoder   runtime.Decoder
	evaluator policy.Evaluator
}

func newChecker() (*checker, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, apps.AddToScheme, batch.AddToScheme,
		autoscaling.AddToScheme, disruption.AddToScheme, networking.AddToScheme, rbac.AddToScheme,
		gateway.Install, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme, scheme,
		serializer.SerializerOptions{Yaml: true, Strict: true})
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	return &checker{decoder, evaluator}, err
}

// podOf is the pod that an object is or makes, if it does.
func podOf(object runtime.Object) *core.PodTemplateSpec {
	switch one := object.(type) {
	case *core.Pod:
		return &core.PodTemplateSpec{ObjectMeta: one.ObjectMeta, Spec: one.Spec}
	case *apps.Deployment:
		return &one.Spec.Template
	case *apps.StatefulSet:
		return &one.Spec.Template
	case *apps.DaemonSet:
		return &one.Spec.Template
	case *batch.Job:
		return &one.Spec.Template
	case *batch.CronJob:
		return &one.Spec.JobTemplate.Spec.Template
	}
	return nil
}

func (c *checker) forbidden(pod *core.PodTemplateSpec) []string {
	var found []string
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for _, result := range c.evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			found = append(found, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return found
}

func (c *checker) check(file string, document []byte) finding {
	found := finding{File: file}
	object, kind, err := c.decoder.Decode(document, nil, nil)
	if kind != nil {
		found.Kind = kind.Kind
	}
	if err != nil {
		found.Error = err.Error()
	}
	if named, ok := object.(meta.Object); ok && object != nil {
		found.Name = named.GetName()
	}
	if object != nil {
		if pod := podOf(object); pod != nil {
			found.Forbidden = c.forbidden(pod)
		}
	}
	return found
}

func (c *checker) checkFile(file string, out *json.Encoder) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if text, err := yaml.ToJSON(document); err == nil && string(text) == "null" {
			continue // nothing but comments
		}
		if err := out.Encode(c.check(file, document)); err != nil {
			return err
		}
	}
}

func run(files []string) error {
	c, err := newChecker()
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := c.checkFile(file, json.NewEncoder(os.Stdout)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}
