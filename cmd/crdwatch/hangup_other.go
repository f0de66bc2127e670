//go:build !unix

package main

// onHangup does nothing here: the next write tells.
func onHangup(any, func()) (stop func()) {
	return func() {}
}
