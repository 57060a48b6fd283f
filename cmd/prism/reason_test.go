package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	rpc "google.golang.org/genproto/googleapis/rpc/code"

	"github.com/prism-proxy/prism/runtime"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

const reasonFile = "../../schemas/prism/v1/reason.proto"

// reason.proto is made from the runtime's table. A number that a reason has stays
// its own, and no other gets it: -update appends.
func TestReasonFile(t *testing.T) {
	want := reasonProto(t)
	if *update {
		write(t, reasonFile, want)
	}
	if got, err := os.ReadFile(reasonFile); err != nil || string(got) != want {
		t.Errorf("%s is not what runtime/reason.go says (%v); run make docs", reasonFile, err)
	}
}

func reasonProto(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`// Made from runtime/reason.go by make docs. DO NOT EDIT.
syntax = "proto3";

package prism.v1;

option go_package = "github.com/prism-proxy/prism/schemas/prism/v1;prismv1";

// Reason says why a call failed. Every error of a proxy has one in its details: as
// ErrorInfo.reason, by the value's name, with the domain "prism". Its names and
// numbers are stable; new ones are added at the end.
enum Reason {
  // The error has no reason of Prism, or one that is newer than this file.
  REASON_UNSPECIFIED = 0;
`)
	known, last := prismv1.Reason_value, int32(0)
	for _, n := range known {
		last = max(last, n)
	}
	names := make([]string, last+1)
	for _, r := range runtime.Reasons() {
		n, ok := known[string(r)]
		if !ok {
			n = int32(len(names))
			names = append(names, "")
		}
		names[n] = string(r)
	}
	for n, name := range names[1:] {
		if name == "" {
			t.Fatalf("reason %d is not in the runtime's table any more; clients have it compiled in", n+1)
		}
		r := runtime.Reason(name)
		retry := ""
		if r.Retryable() {
			retry = "; the same call may succeed a moment later"
		}
		fmt.Fprintf(&b, "\n  // %s%s. To do: %s.\n  %s = %d;\n", rpc.Code(r.Code()), retry, r.Todo(), name, n+1)
	}
	b.WriteString("}\n")
	return b.String()
}
