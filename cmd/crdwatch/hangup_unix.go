//go:build unix

package main

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// hangupInterval is how soon it is noticed that nobody reads our output any more.
const hangupInterval = 200 * time.Millisecond

// onHangup calls gone when the reader of a pipe closes it. A writer learns that from
// its next write, but on a quiet cluster there is none for a long time, and
// "crdwatch watch | head -1" would not end. The returned function ends the wait.
func onHangup(stream any, gone func()) (stop func()) {
	f, ok := stream.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return func() {}
	}
	done := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for !hungUp(int(f.Fd())) {
			select {
			case <-done:
				return
			case <-time.After(hangupInterval):
			}
		}
		gone()
	})
	return func() {
		close(done)
		waiting.Wait()
	}
}

func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
