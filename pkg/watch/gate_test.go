package watch

import (
	"context"
	"errors"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
)

// inside enters a gate in the background, and gets a connection, if it does; it
// reports when it is in.
func inside(ctx context.Context, g *gate, connects bool) (in chan func(bool)) {
	in = make(chan func(bool), 1)
	go func() {
		if request, leave, err := g.enter(ctx); err == nil {
			if connects {
				connected(request)
			}
			in <- leave
		}
	}()
	return in
}

// connected does what net/http does with the context of a request.
func connected(request context.Context) {
	httptrace.ContextClientTrace(request).GotConn(httptrace.GotConnInfo{})
}

// TestGateConnectsOneAtATime: who looks for a connection may make one, and the others
// shall find it.
func TestGateConnectsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3)
		g.answered()
		request, leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second := inside(t.Context(), g, true)
		synctest.Wait()
		if len(second) > 0 {
			t.Error("two are connecting")
		}
		connected(request)
		synctest.Wait()
		if len(second) == 0 {
			t.Error("the second still waits")
		}
		leave(true)
		(<-second)(true)
	})
}

func TestGateOpensOneByOneThenWide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3)
		_, first, _ := g.enter(t.Context())
		var rest []chan func(bool)
		for range 4 {
			rest = append(rest, inside(t.Context(), g, true))
		}
		synctest.Wait()
		if n := len(rest[0]) + len(rest[1]) + len(rest[2]) + len(rest[3]); n != 0 {
			t.Errorf("%d came in before the first was answered", n)
		}
		first(true)
		synctest.Wait()
		n := 0
		for _, r := range rest {
			n += len(r)
		}
		if n != 3 {
			t.Errorf("%d are in, want 3", n)
		}
		for range rest {
			synctest.Wait()
			for _, r := range rest {
				select {
				case leave := <-r:
					leave(true)
				default:
				}
			}
		}
	})
}

// TestGateDoesNotWaitForTheSlow: one start that hangs costs the others a moment.
func TestGateDoesNotWaitForTheSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		_, leave, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, next, err := g.enter(t.Context()) // returns after slowStart
		if err != nil {
			t.Fatal(err)
		}
		leave(false)
		next(false)
		if g.running != 0 {
			t.Errorf("%d places are taken", g.running)
		}
	})
}

func TestGateGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		_, leave, _ := g.enter(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := g.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		leave(true)
		if _, again, err := g.enter(t.Context()); err != nil {
			t.Error(err)
		} else {
			again(true)
		}
	})
}
