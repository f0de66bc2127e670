// Command build builds the control plane of the tests and the demo, unless the cache
// already has it, and prints nothing but its progress.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

func main() {
	if _, err := controlplane.Binary(context.Background(), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
