//go:build !linux

package deploy

import (
	"errors"
	"os/exec"
)

// jail has the command fail to start: what is an image for Linux cannot be run here.
func jail(cmd *exec.Cmd, _ string, _ int) {
	cmd.Err = errors.New("running an image for Linux on another system")
}
