// Reads a file of compose as `docker compose` does, with the loader and the schema of the Compose specification, and
// prints what it means as JSON. What the specification does not know is an error, as are names of services, volumes and
// secrets that are nowhere.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func load(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithResolvedPaths(true), cli.WithInterpolation(true),
		cli.WithConsistency(true), cli.WithNormalization(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(project)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compose_loader FILE")
		os.Exit(2)
	}
	if err := load(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
