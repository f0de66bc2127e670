package main

import "syscall"

// dieWithParent makes the kernel kill the child when we die without stopping it.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
