// Package module fetches the Go modules of other projects, for the CRDs and manifests
// that they carry beside their code: so the tests have them as they were published, and
// this repository has no copies.
package module

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Module is one version of a module.
type Module struct {
	Path, Version string
	// Sum is its checksum, as go.sum has it. Where it is wrong, the error tells the
	// right one.
	Sum string
}

// String is path@version.
func (m Module) String() string { return m.Path + "@" + m.Version }

// Download returns the directory of the module in the module cache, which is not to be
// written to. work is a directory outside of all modules.
func (m Module) Download(ctx context.Context, work string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.String())
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GO111MODULE=on",
		"GOSUMDB=off") // the sums are our own
	out, runErr := cmd.Output()
	var answer struct{ Dir, Sum, Error string }
	err := json.Unmarshal(out, &answer)
	switch {
	case err != nil:
		err = errors.Join(runErr, err)
	case answer.Error != "":
		err = errors.New(answer.Error)
	case runErr != nil:
		err = runErr
	case answer.Sum != m.Sum:
		err = fmt.Errorf("its sum is %s, not %s", answer.Sum, m.Sum)
	}
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", m, err)
	}
	return answer.Dir, nil
}
