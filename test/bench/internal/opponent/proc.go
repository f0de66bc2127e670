package opponent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc. Linux has reported 1/100 s to user space
// on every architecture that Go knows since 2.6.
const tick = 10 * time.Millisecond

func memory() (Memory, error) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m := Memory{Heap: stats.HeapAlloc, Stacks: stats.StackInuse, Allocated: stats.TotalAlloc, GCs: stats.NumGC}
	err := m.resident("/proc/self/status")
	return m, err
}

// ProcessMemory is what the system knows of another process: RSS and Peak.
func ProcessMemory(pid int) (Memory, error) {
	var m Memory
	err := m.resident(fmt.Sprintf("/proc/%d/status", pid))
	return m, err
}

func (m *Memory) resident(path string) error {
	status, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "VmRSS":
			m.RSS, err = kilobytes(value)
		case "VmHWM":
			m.Peak, err = kilobytes(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func kilobytes(value string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
	return n << 10, err
}

// OwnCPU is what this process has used.
func OwnCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("reading the process's times: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// ProcessCPU is what another process has used. It needs Linux.
func ProcessCPU(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The command, in parentheses, may hold spaces; utime and stime are the 12th
	// and 13th field after it.
	_, rest, _ := strings.Cut(string(data[bytes.LastIndexByte(data, ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading the times of process %d: %d fields", pid, len(fields))
	}
	return ticks(fields[11:13])
}

// MachineCPU is what all processes have used.
func MachineCPU() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("reading the machine's times: %q", line)
	}
	// user nice system, idle iowait, irq softirq
	return ticks(append(fields[1:4], fields[6:8]...))
}

func ticks(fields []string) (time.Duration, error) {
	var sum time.Duration
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// connections counts this process's TCP connections to a port that are open, as the
// kernel sees them.
func connections(port string) (int, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("reading the port %q: %w", port, err)
	}
	remote := fmt.Sprintf(":%04X", n)
	own, err := sockets()
	if err != nil {
		return 0, err
	}
	count := 0
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(data)) {
			const established = "01"
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[2], remote) && f[3] == established && own[f[9]] {
				count++
			}
		}
	}
	return count, nil
}

// sockets are the inodes of this process's sockets.
func sockets() (map[string]bool, error) {
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, f := range files {
		link, err := os.Readlink(f)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(link, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return own, nil
}
