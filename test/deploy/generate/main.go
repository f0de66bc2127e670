// Command generate makes deploy/kustomize of the Helm chart:
//
//	generate DEPLOY
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/crdwatch/crdwatch/test/deploy/chart"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: generate DEPLOY")
		return 2
	}
	if err := generate(args[0]); err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// generate replaces all that is in the base: it has nothing that was not generated.
func generate(deploy string) error {
	files, err := chart.Base(filepath.Join(deploy, "helm", "crdwatch"))
	if err != nil {
		return err
	}
	base := filepath.Join(deploy, "kustomize")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(base, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(base, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
