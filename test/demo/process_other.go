//go:build !linux

package main

import "syscall"

// dieWithParent leaves it to the janitor: there is no parent death signal here.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{}
}
