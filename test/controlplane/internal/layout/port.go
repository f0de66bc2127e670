package layout

import (
	"errors"
	"math/rand/v2"
	"net"
)

// Ports are drawn below the kernel's ephemeral range (from 32768 on Linux), so
// that no outgoing connection takes one while its server is restarting.
const firstPort, lastPort = 20000, 32000

// FreePort returns a port of 127.0.0.1 that was free a moment ago. Another
// process may take it before the caller does: then draw again.
func FreePort() (int, error) {
	var errs []error
	for range 20 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		return port, l.Close()
	}
	return 0, errors.Join(errs...)
}
