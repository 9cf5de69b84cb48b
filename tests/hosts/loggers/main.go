// Logs the records of a file through a logging library, as its users set it up:
//
//	loggers slog|zap RECORDS LOG
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type record struct {
	N       int            `json:"n"`
	Level   string         `json:"level"`
	Message string         `json:"message"`
	Nested  map[string]any `json:"nested"`
	Fail    bool           `json:"fail"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func withSlog(file *os.File) func(record) {
	log := slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	levels := map[string]func(string, ...any){
		"debug": log.Debug, "info": log.Info, "warn": log.Warn, "error": log.Error,
	}
	return func(r record) {
		fields := []any{"n", r.N, "nested", r.Nested}
		if r.Fail {
			fields = append(fields, "err", errors.New("failed: "+r.Message), "stack", string(debug.Stack()))
		}
		levels[r.Level](r.Message, fields...)
	}
}

func withZap(path string) func(record) {
	config := zap.NewProductionConfig()
	config.OutputPaths = []string{path}
	config.Level = zap.NewAtomicLevelAt(zapcore.DebugLevel)
	config.Sampling = nil
	log, err := config.Build()
	must(err)
	levels := map[string]func(string, ...zap.Field){
		"debug": log.Debug, "info": log.Info, "warn": log.Warn, "error": log.Error,
	}
	return func(r record) {
		fields := []zap.Field{zap.Int("n", r.N), zap.Any("nested", r.Nested)}
		if r.Fail {
			fields = append(fields, zap.Error(errors.New("failed: "+r.Message)), zap.Stack("stack"))
		}
		levels[r.Level](r.Message, fields...)
	}
}

func main() {
	records, err := os.Open(os.Args[2])
	must(err)
	file, err := os.OpenFile(os.Args[3], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(err)
	write := withSlog(file)
	if os.Args[1] == "zap" {
		write = withZap(os.Args[3])
	}
	lines := bufio.NewScanner(records)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r record
		must(json.Unmarshal(lines.Bytes(), &r))
		write(r)
	}
	must(lines.Err())
}
