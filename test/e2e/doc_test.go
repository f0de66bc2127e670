// Package e2e tests crdwatch against a real API server: the engine in this process,
// and the program as its users run it.
package e2e
