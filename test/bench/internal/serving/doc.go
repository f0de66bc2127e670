// Package serving runs the program as its users do: `crdwatch serve`, a process of
// its own, asked over HTTP.
//
// It owns the process (Server) and what a client sees of it (Stream). It refuses to
// compare, and to know what the process does inside.
package serving
