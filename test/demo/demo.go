package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crdwatch/crdwatch/test/controlplane"
)

// demo is one run from an empty temporary directory to its removal.
type demo struct {
	options
	stdout, stderr io.Writer

	dir     string
	janitor *janitor
	cluster *controlplane.ControlPlane
}

// run blocks until ctx ends, the duration is over, or nobody looks any more.
func (d *demo) run(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "crdwatch-demo-"); err != nil {
		return err
	}
	if d.janitor, err = startJanitor(d.dir); err != nil {
		return errors.Join(err, os.RemoveAll(d.dir))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir), d.janitor.close()) }()
	if err := d.startCluster(ctx); err != nil {
		return err
	}
	defer func() {
		d.say("Ending, and removing everything.")
		err = errors.Join(err, d.cluster.Close())
	}()
	return d.show(ctx)
}

// say writes one line to the terminal. What the terminal does not take is lost.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.stderr, format+"\n", args...)
}

// startCluster blocks until the control plane runs and the samples are in it.
func (d *demo) startCluster(ctx context.Context) error {
	d.say("Starting a throwaway control plane in %s", d.dir)
	data := filepath.Join(d.dir, "cluster")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	start := time.Now()
	cluster, err := controlplane.Start(ctx, controlplane.Options{Dir: data, Progress: d.stderr})
	if err != nil {
		return err
	}
	d.cluster = cluster
	d.janitor.watchOver(cluster.PID())
	d.say("Kubernetes %s is ready after %.1f s", cluster.Version(), time.Since(start).Seconds())
	if err := install(ctx, cluster); err != nil {
		return errors.Join(err, cluster.Close())
	}
	return nil
}

// show runs the story, and crdwatch on it.
func (d *demo) show(ctx context.Context) error {
	s, err := d.startServe(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	d.introduce(s)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if d.duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, d.duration)
		defer cancel()
	}
	story, err := newStory(d.cluster, d.scaled, d.say)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return story.run(ctx) })
	group.Go(func() error { return d.keep(ctx, s) })
	if !d.noWatch {
		// Whoever ends crdwatch watch ends the demo.
		group.Go(func() error { defer cancel(); return d.watch(ctx) })
	}
	return group.Wait()
}

// watch runs crdwatch watch in the terminal.
func (d *demo) watch(ctx context.Context) error {
	c, err := d.start(append([]string{"watch"}, d.watchArgs...), d.stdout, d.stderr, foreground)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		// A Ctrl-C reaches it as well as us, and may reach it first.
		if c.err != nil && ctx.Err() == nil {
			return fmt.Errorf("crdwatch watch ended: %w", c.err)
		}
	case <-ctx.Done():
		c.stop()
	}
	return nil
}
