package controlplane_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
)

func TestCutConnectionsResetsWhatIsOpen(t *testing.T) {
	p := newProxy(t)
	w := watchThrough(t, p)
	if n := p.CutConnections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if l := w.end(); errors.Is(l.err, io.EOF) {
		t.Errorf("ended with %v, want an error other than EOF", l.err)
	}
	watchThrough(t, p)
}

func TestRefuseRefusesAndRestoreRestoresThePort(t *testing.T) {
	p := newProxy(t)
	w := watchThrough(t, p)
	p.Refuse()
	w.end()
	c := httpClient(t, p.Config())
	if _, _, err := get(t, c, p.URL()+"/version", nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, want connection refused", err)
	}
	for range 2 {
		if err := p.Restore(); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, err := get(t, c, p.URL()+"/version", nil); code != 200 {
		t.Errorf("after Restore: %d, %v", code, err)
	}
}

func TestHalfOpenSilencesWhatIsOpen(t *testing.T) {
	p := newProxy(t)
	silent := watchThrough(t, p)
	if n := p.HalfOpen(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	alive := watchThrough(t, p)
	setSize(t, client(t, cp.Config()), 8)
	alive.size(8)
	select {
	case l := <-silent.lines:
		t.Errorf("a silent connection delivered %q, %v", l.text, l.err)
	default:
	}
	if open := p.Stats().Open; open != 2 {
		t.Errorf("%d connections open, want 2", open)
	}
}

func TestBlackholeSilencesWhatComesUntilRestore(t *testing.T) {
	p := newProxy(t)
	p.Blackhole()
	c := httpClient(t, p.Config())
	if _, _, err := get(t, c, p.URL()+"/version", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a timeout", err)
	}
	if err := p.Restore(); err != nil {
		t.Fatal(err)
	}
	if code, _, err := get(t, httpClient(t, p.Config()), p.URL()+"/version", nil); code != 200 {
		t.Errorf("after Restore: %d, %v", code, err)
	}
}
