// Command mutants proves that the tests of the history find what they are for. It
// re-introduces known bugs, one at a time, and each must make a test fail that passes
// without it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	only := flag.String("only", "", "regular expression of the names of the mutants to try")
	flag.Parse()
	found, err := run(ctx, *only, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
	if !found {
		os.Exit(1)
	}
}

// run tries the mutants and prints a table. It reports whether all of them were found.
func run(ctx context.Context, only string, out io.Writer) (bool, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return false, fmt.Errorf("--only: %w", err)
	}
	root, err := repository()
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	l := &laboratory{root: root, dir: dir}
	var chosen []mutant
	for _, m := range mutants() {
		if wanted.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if err := l.controls(ctx, chosen, out); err != nil {
		return false, err
	}
	return l.table(ctx, chosen, out)
}

// controls runs each test without any bug.
func (l *laboratory) controls(ctx context.Context, chosen []mutant, out io.Writer) error {
	done := map[string]bool{}
	for _, m := range chosen {
		c := m.by
		if done[c.String()] {
			continue
		}
		done[c.String()] = true
		o, err := l.try(ctx, c, "")
		if err != nil {
			return err
		}
		if o.failed {
			return fmt.Errorf("%s fails without any mutant: %s", c, o.reason)
		}
		fmt.Fprintf(out, "passes without a mutant: %s (%s)\n", c, o.took.Round(time.Second))
	}
	return nil
}

// table tries each mutant. A row is printed as soon as it is known.
func (l *laboratory) table(ctx context.Context, chosen []mutant, out io.Writer) (bool, error) {
	found := 0
	for _, m := range chosen {
		o, err := l.tryMutant(ctx, m)
		if err != nil {
			return false, err
		}
		verdict := "SURVIVED"
		if o.failed {
			verdict = "found"
			found++
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%s\t%s\n  bug\t%s\n  in\t%s\n  test\t%s (%s)\n  says\t%s\n", verdict, m.name, m.why, m.file, m.by, o.took.Round(time.Second), short(o.reason))
		if err := w.Flush(); err != nil {
			return false, err
		}
	}
	fmt.Fprintf(out, "%d of %d mutants were found\n", found, len(chosen))
	return found == len(chosen), nil
}

func (l *laboratory) tryMutant(ctx context.Context, m mutant) (outcome, error) {
	dir, err := os.MkdirTemp(l.dir, filepath.Base(m.file))
	if err != nil {
		return outcome{}, err
	}
	overlay, err := m.overlay(l.root, dir)
	if err != nil {
		return outcome{}, err
	}
	o, err := l.try(ctx, m.by, overlay)
	if err != nil {
		return o, fmt.Errorf("trying %q: %w", m.name, err)
	}
	return o, nil
}

// short keeps a row readable.
func short(text string) string {
	const most = 160
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
