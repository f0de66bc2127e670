// Command pages writes the pages of all rules, and an index of them, for those who read
// docs/rules rather than crdwatch audit --explain:
//
//	go run ./pkg/audit/rules/pages docs/rules
//
// It removes the pages of rules that are no more. make generate runs it.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/crdwatch/crdwatch/pkg/audit/rules"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: pages DIR")
		return 2
	}
	if err := write(args[0], render(rules.All())); err != nil {
		fmt.Fprintf(stderr, "error: writing the pages of the rules: %v\n", err)
		return 1
	}
	return 0
}
