package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server that was started for a measurement.
type process struct {
	address string
	ready   time.Duration // from its start until it listened
	command *exec.Cmd
}

// start starts a server and waits until it logs that it listens.
func start(ctx context.Context, env []string, binary string, args ...string) (*process, error) {
	c := exec.CommandContext(ctx, binary, args...)
	c.Env = append(os.Environ(), env...)
	logs, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := c.Start(); err != nil {
		return nil, err
	}
	var line struct{ Msg, Address string }
	var said bytes.Buffer
	for scanner := bufio.NewScanner(logs); line.Msg != "listening"; {
		if !scanner.Scan() {
			return nil, errors.Join(fmt.Errorf("%s ended before it listened: %s", filepath.Base(binary), &said), c.Wait())
		}
		said.Write(scanner.Bytes())
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			continue
		}
	}
	ready := time.Since(begin)
	go io.Copy(io.Discard, logs) // the pipe must not fill up
	return &process{address: line.Address, ready: ready, command: c}, nil
}

// stop kills the server, whose data are discarded.
func (p *process) stop() {
	p.command.Process.Kill()
	p.command.Wait()
}

// cpu returns the CPU time that the server has used.
func (p *process) cpu() (time.Duration, error) { return cpuOf(p.command.Process.Pid) }

// resident is the server's resident memory in bytes.
func (p *process) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// cpuOf returns the CPU time that a process has used, user and system, from the
// clock of clock_getcpuclockid(3). /proc has it only in units of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	const schedulerClock = 2
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &t)
	return time.Duration(t.Nano()), err
}

// ownCPU returns the CPU time that this process has used: by the callers, and
// by client libraries called directly.
func ownCPU() (time.Duration, error) { return cpuOf(os.Getpid()) }

// cpuOfTree returns the CPU time that a process and its living children have
// used.
func cpuOfTree(root int) (total time.Duration, err error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, f := range folders {
		pid, err := strconv.Atoi(filepath.Base(f))
		if err != nil {
			return 0, err
		}
		if parent, err := parentOf(pid); err != nil || pid != root && parent != root {
			continue // it has ended, or is not one of them
		}
		if cpu, err := cpuOf(pid); err == nil {
			total += cpu
		}
	}
	return total, nil
}

func parentOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Field 4 of proc(5): the second after the name, which is in parentheses and
	// may contain anything.
	return strconv.Atoi(strings.Fields(string(text[bytes.LastIndexByte(text, ')'):]))[2])
}

// migrate runs the proxy's migrations.
func migrate(ctx context.Context, env []string, binary string) error {
	c := exec.CommandContext(ctx, binary, "migrate", "up")
	c.Env = append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate up: %w\n%s", err, out)
	}
	return nil
}
