package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// page is a page of docs whose commands are run in a folder of its own.
type page struct {
	t    *testing.T
	name string
	dir  string
	path []string // folders with programs
	port int      // instead of 8980
}

func newPage(t *testing.T, name string) *page {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	binary := compiler(t)
	return &page{t, name, t.TempDir(), []string{filepath.Dir(binary), filepath.Join(checkout(t), "bin")}, l.Addr().(*net.TCPAddr).Port}
}

// run runs the listings of commands, with the replacements made, and returns
// what they print.
func (p *page) run(replacements ...string) string {
	p.t.Helper()
	script := "set -e\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
	for _, l := range listings(read(p.t, "../../docs/"+p.name)) {
		if l.commands {
			script += l.text
		}
	}
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(script, replacements[i]) {
			p.t.Fatalf("%s has no %q", p.name, replacements[i])
		}
		script = strings.ReplaceAll(script, replacements[i], replacements[i+1])
	}
	c := exec.CommandContext(p.t.Context(), "bash", "-c", script)
	c.Dir = p.dir
	c.Env = append(os.Environ(), "PATH="+strings.Join(append(p.path, os.Getenv("PATH")), string(filepath.ListSeparator)),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		p.t.Errorf("%s: %v\n%s", p.name, err, out)
	}
	return string(out)
}

func TestOperatingAsDocumented(t *testing.T) {
	p := newPage(t, "operating.md")
	command(t, checkout(t), "go", "build", "-o", filepath.Join(p.dir, "bin")+"/shop-proxy", "./out/shop/proxy")
	at := fmt.Sprintf("127.0.0.1:%d", p.port)
	out := p.run("serve --data-dir data ", "serve --listen "+at+" --data-dir data ", "shop-proxy health;", "shop-proxy health --address "+at+";")
	contains(t, "operating.md", out, `"address":"unix:`+p.dir+`/shop.sock"`, "orders: table orders: 0 records, 0 without a checksum, 0 damaged")
}

func TestAdoptingAsDocumented(t *testing.T) {
	p := newPage(t, "adopting.md")
	write(t, filepath.Join(p.dir, "acme", "go.mod"), "module example.com/acme\n\ngo 1.26.0\n")
	write(t, filepath.Join(p.dir, "acme", "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n")
	write(t, filepath.Join(p.dir, "acme", "proto/acme/billing/v1/api.proto"), `syntax = "proto3";

package acme.billing.v1;

import "acme/billing/v1/invoice.proto";

option go_package = "example.com/acme/gen/acme/billing/v1;billingv1";
option (prism.v1.file).contract_package = "acme.billing.data.v1";

import "prism/v1/options.proto";

service InvoiceService {
  rpc GetInvoice(GetInvoiceRequest) returns (GetInvoiceResponse);
}

message GetInvoiceRequest {
  string invoice_id = 1;
}

message GetInvoiceResponse {
  Invoice invoice = 1;
}
`)
	p.dir = filepath.Join(p.dir, "acme")
	out := p.run("prism init\n", "prism init --replace "+checkout(t)+"\n",
		"serve --init", fmt.Sprintf("serve --listen 127.0.0.1:%d --init", p.port), "billing-proxy health", fmt.Sprintf("billing-proxy health --address 127.0.0.1:%d", p.port),
		"prism call ", fmt.Sprintf("prism call --address 127.0.0.1:%d ", p.port))
	contains(t, "adopting.md", out, `"invoiceId": "i1"`)
	// The deployment is the user's, and elsewhere.
	if out := command(t, p.dir, filepath.Join(p.path[0], "prism"), "init", "--replace", checkout(t)); strings.Contains(out, "wrote ") || !strings.Contains(out, "go tool prism build\n") {
		t.Errorf("a second init says:\n%s", out)
	}
}

func TestCIAsDocumented(t *testing.T) {
	p := newPage(t, "ci.md")
	prism := filepath.Join(p.path[0], "prism")
	command(t, p.dir, prism, "init", "--module", "example.com/notes", "--replace", checkout(t), ".")
	command(t, p.dir, prism, "generate")
	command(t, p.dir, "git", "init", "-q", "-b", "main")
	command(t, p.dir, "git", "add", "--all")
	command(t, p.dir, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "notes")
	needsBuf(t)
	const renew = "go tool prism init\n"
	out := p.run(renew, "echo // of before >> schemas/prism/v1/options.proto\ngo tool prism check\nif go tool prism generate --check; then exit 1; fi\n"+renew)
	contains(t, "ci.md", out, "notes: no fault", "PRISM5026 [options.copy]", "\nrenewed schemas/prism/v1/options.proto\n")
	if strings.Contains(out, "wrote ") {
		t.Errorf("init writes more than its copies\n%s", out)
	}
	write(t, filepath.Join(p.dir, "schemas/notes/v1/note.proto"), strings.Replace(read(t, filepath.Join(p.dir, "schemas/notes/v1/note.proto")), "max_length = ", "max_length = 1", 1))
	if out := fails(t, p.dir, prism, "generate", "--check"); !strings.Contains(out, "stale") {
		t.Errorf("a schema that was changed without generate:\n%s", out)
	}
}

// needsBuf skips the test where make bin/buf was not run; with PRISM_REQUIRE=all
// it fails.
func needsBuf(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(checkout(t), "bin/buf")); err == nil {
		return
	}
	if os.Getenv("PRISM_REQUIRE") == "all" {
		t.Fatal("bin/buf is missing; run make bin/buf")
	}
	t.Skip("SKIPPED, NOT PASSED: make bin/buf")
}
