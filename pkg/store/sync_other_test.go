//go:build !linux

package store_test

import "errors"

func unsynced(childTask) error { return errors.New("making a disk fail: known for Linux only") }
