package controlplane

import "syscall"

// sysProcAttr gives the child a process group of its own, so that a Ctrl-C at
// the terminal reaches us alone and we choose the order of stopping; and the
// kernel kills it when we die without stopping it.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
