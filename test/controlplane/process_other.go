//go:build !linux

package controlplane

import "syscall"

// sysProcAttr gives the child a process group of its own. There is no parent
// death signal here: our own command sees its standard input end instead, but
// programs of KUBEBUILDER_ASSETS survive us when we are killed.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
