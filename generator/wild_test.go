package generator_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// compileWild compiles packages of testdata/wild, all on one backend.
func compileWild(t *testing.T, packages, namespaces, backend, more string) (*generator.Output, []schema.Diagnostic) {
	t.Helper()
	return compileFolder(t, os.DirFS("testdata/wild"), packages, namespaces, backend, more)
}

func compileFolder(t *testing.T, folder fs.FS, packages, namespaces, backend, more string) (*generator.Output, []schema.Diagnostic) {
	t.Helper()
	config := fmt.Sprintf("deployment: app\nimport_path: example.com/app\npackages: [%s]\n%snamespaces:\n", packages, more)
	for _, n := range strings.Fields(namespaces) {
		config += fmt.Sprintf("  - {name: %s, backend: %s}\n", n, backend)
	}
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "wild", FS: folder}}, schema.Packages([]byte(config)))
	if len(faults) > 0 {
		return nil, faults
	}
	return generator.Run(generator.Input{
		Config: []byte(config), ConfigPath: "deploy/app/prism.yaml", Files: files, Backends: backends.All(), TestKit: backends.TestKit(),
	})
}

// Files as teams have them, with services of their own, names of other languages
// and imports from elsewhere, take Prism's options without another change.
func TestWild(t *testing.T) {
	verifier := newVerifier(t)
	const geo = "go_packages: {vendor_api/geo.proto: example.com/app/gen/geo}\n"
	for _, tt := range []struct {
		name, packages, namespaces, more string
		services                         []string
	}{
		{"an API package", "billing.v1", "billing", "test_kit: false\n", []string{"billing.data.v1.InvoiceService"}},
		{"names of Kubernetes", "fleet.v1", "fleet", "", []string{"fleet.v1.PodSpecService", "fleet.v1.VersionService"}},
		{"lite, without go_package, in a package internal", "acme.internal.v1, vendor_api", "acme", "test_kit: false\n", []string{"acme.internal.v1.SessionService"}},
		{"an import mapped", "acme.internal.v1", "acme", "test_kit: false\n" + geo, []string{"acme.internal.v1.SessionService"}},
		{"without Go", "acme.internal.v1, billing.v1, fleet.v1", "acme billing fleet", "contract: {go: false}\n",
			[]string{"acme.internal.v1.SessionService", "billing.data.v1.InvoiceService", "fleet.v1.PodSpecService", "fleet.v1.VersionService"}},
	} {
		for _, backend := range []string{"sqlite", "memory", "postgres, config: {url: '${env:URL}'}"} {
			t.Run(tt.name+" on "+backend, func(t *testing.T) {
				out, faults := compileWild(t, tt.packages, tt.namespaces, backend, tt.more)
				if out == nil || schema.HasError(faults) {
					t.Fatal(faults)
				}
				var services []string
				for _, e := range out.Deployment.Entities() {
					services = append(services, e.FullServiceName())
				}
				slices.Sort(services)
				if !slices.Equal(services, tt.services) {
					t.Errorf("services %v, want %v", services, tt.services)
				}
				if err := verifier.goFiles(out.Files); err != nil {
					t.Error(err)
				}
				if err := verifier.sqlFiles(out.Files); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Front ends bring copies of googleapis of their own, of other versions, with
// comments and without: where the messages that are used are the same, so is what
// is generated.
func TestOwnCopy(t *testing.T) {
	read := func(more fstest.MapFS) *generator.Output {
		for _, name := range []string{"billing/v1/invoice.proto", "billing/v1/invoice_service.proto"} {
			text, err := os.ReadFile("testdata/wild/" + name)
			if err != nil {
				t.Fatal(err)
			}
			more[name] = &fstest.MapFile{Data: text}
		}
		out, faults := compileFolder(t, more, "billing.v1", "billing", "sqlite", "test_kit: false\n")
		if out == nil {
			t.Fatal(faults)
		}
		return out
	}
	built := read(fstest.MapFS{})
	copied := read(fstest.MapFS{
		"google/type/money.proto": {Data: []byte(`syntax = "proto3"; package google.type; option go_package = "google.golang.org/genproto/googleapis/type/money;money"; // a copy
message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }`)},
		"google/api/client.proto": {Data: []byte(`syntax = "proto3"; package google.api; import "google/protobuf/descriptor.proto"; option go_package = "google.golang.org/genproto/googleapis/api/annotations;annotations";
extend google.protobuf.ServiceOptions { string default_host = 1049; }`)},
	})
	for i, f := range built.Files {
		if c := copied.Files[i]; c.Path != f.Path || !bytes.Equal(c.Content, f.Content) {
			t.Errorf("%s differs", f.Path)
		}
	}
}

// Each way out that PRISM1001 prints is one: the schema that does as it says
// compiles.
func TestNamesTaken(t *testing.T) {
	const option = "option (prism.v1.file).contract_package = \"billing.data.v1\";\n"
	read := func(with string) []schema.Diagnostic {
		folder := fstest.MapFS{}
		for _, name := range []string{"billing/v1/invoice.proto", "billing/v1/invoice_service.proto"} {
			text, err := os.ReadFile("testdata/wild/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), option) {
				t.Fatalf("%s has no %s", name, option)
			}
			folder[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(text), option, with, 1))}
		}
		_, faults := compileFolder(t, folder, "billing.v1", "billing", "sqlite", "")
		return faults
	}
	faults := read("")
	if len(faults) != 1 || faults[0].Number != schema.RuleNameCollision {
		t.Fatalf("faults %v, want one of names that are taken", faults)
	}
	const want = "entity billing.v1.Invoice generates billing.v1.InvoiceService, which stands at billing/v1/invoice_service.proto:17:1; " +
		"and billing.v1.InvoiceKey, which stands at billing/v1/invoice_service.proto:56:1; " +
		"and billing.v1.GetInvoiceRequest, which stands at billing/v1/invoice_service.proto:30:1; " +
		"and billing.v1.DeleteInvoiceRequest, which stands at billing/v1/invoice_service.proto:50:1; " +
		"and billing.v1.DeleteInvoiceResponse, which stands at billing/v1/invoice_service.proto:54:1"
	if faults[0].What != want {
		t.Errorf("got  %s\nwant %s", faults[0].What, want)
	}
	fix, where, _ := strings.Cut(strings.TrimPrefix(faults[0].Fix, "write "), " in every file")
	if where != " of package billing.v1" || fix+";\n" != option {
		t.Errorf("fix %q", faults[0].Fix)
	}
	if faults := read(fix + ";\n"); len(faults) > 0 {
		t.Errorf("what PRISM1001 says to write: %v", faults)
	}
}

// A contract imports lite files only if it is one, and says nothing of names in
// the schema's own package where it has another.
func TestWildContracts(t *testing.T) {
	out, faults := compileWild(t, "acme.internal.v1, billing.v1, fleet.v1", "acme billing fleet", "postgres, config: {url: '${env:URL}'}", "contract: {go: false}\n")
	if out == nil {
		t.Fatal(faults)
	}
	for name, want := range map[string]string{
		"out/contract/acme/internal/v1/session_prism.proto":  "option optimize_for = LITE_RUNTIME;\n",
		"out/contract/billing/data/v1/invoice_prism.proto":   "package billing.data.v1;\n\nimport \"billing/v1/invoice.proto\";\nimport \"google/protobuf/timestamp.proto\";\n\noption go_package = \"example.com/app/out/contract/billing/data/v1;billingdatav1\";\n\n//",
		"out/contract/fleet/v1/version_record_prism.proto":   "  Version version_record = 1;\n",
		"out/app/proxy/acme/internalpkg/v1/session/store.go": "package session",
		// The column of a key may have any name: ours begin with prism_.
		"out/app/proxy/fleet/v1/version/store.go": "SELECT \"prism_version\" FROM \"versions\"\n  WHERE \"version\" >= $1",
	} {
		i := slices.IndexFunc(out.Files, func(f emit.File) bool { return f.Path == name })
		if i < 0 || !strings.Contains(string(out.Files[i].Content), want) {
			t.Errorf("%s is missing, or without %q", name, want)
		}
	}
	for _, f := range out.Files {
		if strings.Contains(string(f.Content), " AS version") {
			t.Errorf("%s names a column version, which may be the schema's", f.Path)
		}
	}
}
