// Package child runs a part of a program in a process of its own, so that what it takes can
// be told from the rest: the program runs itself again, with one argument, and options and
// result go over as JSON.
package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Serve is the child's side: it calls run with the options from in, and writes the result.
func Serve[O, R any](ctx context.Context, in io.Reader, out io.Writer, run func(context.Context, O) (R, error)) error {
	var o O
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("reading the options: %w", err)
	}
	result, err := run(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// Run is the parent's side: it runs this program with a command as its only argument, and
// blocks until that has ended. What the child says of itself goes to log.
func Run[O, R any](ctx context.Context, command string, o O, log io.Writer) (result R, err error) {
	self, err := os.Executable()
	if err != nil {
		return result, err
	}
	in, err := json.Marshal(o)
	if err != nil {
		return result, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, log
	if err := cmd.Run(); err != nil {
		return result, errors.Join(err, ctx.Err())
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		return result, fmt.Errorf("reading the result: %w", err)
	}
	return result, nil
}
