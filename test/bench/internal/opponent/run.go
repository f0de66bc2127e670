package opponent

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Options of one measurement. It is JSON between the processes.
type Options struct {
	Program, Kubeconfig string
	Resources           []schema.GroupVersionResource
	// ServerPID is the API server's process.
	ServerPID int
	// Rest is how long the synced program is left in peace.
	Rest time.Duration
	// Profile is a directory for profiles; empty for none.
	Profile string
}

// Run measures a program. Only one Run can make sense in the life of a process.
func Run(ctx context.Context, o Options) (Result, error) {
	result := Result{Program: o.Program}
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return result, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	// client-go's default of 5 requests a second would be all that is measured.
	config.QPS = -1
	if o.Program == Crdwatch50 {
		debug.SetGCPercent(50)
	}
	// What client-go logs is not what is compared.
	klog.SetLogger(logr.Discard())
	var w wire
	w.watchOver(config)
	m := meter{options: o, result: &result}
	if err := m.idle(); err != nil {
		return result, err
	}
	program, err := programs[o.Program](ctx, target{config, o.Resources})
	if program != nil {
		defer program.stop()
	}
	if err != nil {
		return result, fmt.Errorf("running %s: %w", o.Program, err)
	}
	if err := errors.Join(m.synced(), m.standing(ctx, config.Host), m.collected()); err != nil {
		return result, err
	}
	result.Dialled, result.Requests = w.counts()
	result.Objects, result.Bytes = program.count()
	return result, nil
}

// meter fills a Result, phase by phase.
type meter struct {
	options Options
	result  *Result

	start                time.Time
	own, server, machine time.Duration
	profile              *os.File
}

// idle measures the process before the program, and starts the clock.
func (m *meter) idle() (err error) {
	runtime.GC()
	debug.FreeOSMemory()
	if m.result.Idle, err = memory(); err != nil {
		return err
	}
	m.result.IdleGoroutines = runtime.NumGoroutine()
	if m.options.Profile != "" {
		if m.profile, err = os.Create(m.path("cpu")); err != nil {
			return err
		}
		if err = pprof.StartCPUProfile(m.profile); err != nil {
			return err
		}
	}
	m.own, m.server, m.machine, err = m.cpu()
	m.start = time.Now()
	return err
}

// synced stops the clock.
func (m *meter) synced() error {
	r := m.result
	r.Sync = time.Since(m.start)
	own, server, machine, err := m.cpu()
	r.CPU, r.ServerCPU = own-m.own, server-m.server
	r.OtherCPU = max(0, machine-m.machine-r.CPU-r.ServerCPU)
	m.own = own
	if m.profile != nil {
		pprof.StopCPUProfile()
		err = errors.Join(err, m.profile.Close(), m.write("heap-synced"))
	}
	memory, memErr := memory()
	r.Synced = memory
	return errors.Join(err, memErr)
}

func (m *meter) standing(ctx context.Context, host string) error {
	select {
	case <-time.After(m.options.Rest):
	case <-ctx.Done():
		return ctx.Err()
	}
	r := m.result
	own, err := OwnCPU()
	if err != nil {
		return err
	}
	r.IdleCPU = own - m.own
	r.Goroutines = runtime.NumGoroutine()
	if r.Standing, err = memory(); err != nil {
		return err
	}
	u, err := url.Parse(host)
	if err != nil {
		return err
	}
	r.Connections, err = connections(u.Port())
	return err
}

func (m *meter) collected() (err error) {
	runtime.GC()
	runtime.GC() // what pools kept through the first
	debug.FreeOSMemory()
	if m.result.Collected, err = memory(); err != nil || m.options.Profile == "" {
		return err
	}
	return errors.Join(m.write("heap"), m.write("goroutine"))
}

func (m *meter) cpu() (own, server, machine time.Duration, err error) {
	own, err = OwnCPU()
	server, err2 := ProcessCPU(m.options.ServerPID)
	machine, err3 := MachineCPU()
	return own, server, machine, errors.Join(err, err2, err3)
}

// write writes one of the runtime's profiles; heap-synced is the heap before the
// collection.
func (m *meter) write(name string) error {
	kind := map[string]string{"heap-synced": "heap"}[name]
	if kind == "" {
		kind = name
	}
	f, err := os.Create(m.path(name))
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(kind).WriteTo(f, 0), f.Close())
}

func (m *meter) path(profile string) string {
	return filepath.Join(m.options.Profile, m.options.Program+"."+profile+".pprof")
}
