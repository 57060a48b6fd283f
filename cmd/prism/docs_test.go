package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bufbuild/protocompile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/runtime"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

var update = flag.Bool("update", false, "write docs/ and the scaffold anew")

// The references in docs/ are made from the code that they describe.
func TestDocs(t *testing.T) {
	for name, page := range map[string]func(*testing.T) string{
		"schema.md": schemaPage, "cli.md": cliPage, "backends.md": backendsPage, "errors.md": errorsPage,
		"prism-yaml.md": configPage, "../" + configSchema: configSchemaFile,
	} {
		t.Run(name, func(t *testing.T) {
			file, want := filepath.Join("../../docs", name), page(t)
			if *update {
				write(t, file, want)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("docs/%s is not what the code says (%v); run make docs", name, err)
			}
		})
	}
}

// errorsPage is the table of reasons.
func errorsPage(*testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, made, "runtime/reason.go")
	b.WriteString("# Errors\n\nA call that fails has a gRPC status, and in its details an `ErrorInfo` of the domain `prism`. Act on its code and reason, never on its text: in Go, `reason.Of(err)` and `reason.Metadata(err)` of `github.com/prism-proxy/prism/reason` return them, and the reasons are constants: `prismv1.Reason_NOT_FOUND`. For other languages they are the enum of `prism/v1/reason.proto`, whose values are named as the reasons are. Errors that are worth a retry also carry a `RetryInfo`, errors about a field a `BadRequest`, and errors about a rate limit a `QuotaFailure`. The `BadRequest` lists every field of a record that is wrong, up to 20, each with its reason and its path: `order.lines[3].quantity`, `order.labels[\"a\"]`; the error itself is that of the first.\n\nThe metadata always contain `namespace`, `op` and `request_id`; look up the cause in the proxy's log by `request_id`. `outcome` is set only for writes: `none` if nothing was applied, `unknown` if the write may have been. An error without a reason comes from gRPC itself.\n\nVALUE_CORRUPT with `current_version` means that the bytes of a record have changed in the store. Operators find its row with `SELECT * FROM <table> WHERE prism_version = <current_version>`, and all such rows with `<deployment>-proxy migrate verify`. A page or a BatchGet that contains such a record fails as a whole; for a BatchGet, `field` names the key. A put, a swap that expects `current_version`, or a delete repairs the record.\n\n| reason | code | retry | metadata | what to do |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range runtime.Reasons() {
		retry, keys := "", ""
		if r.Retryable() {
			retry = "yes"
		}
		for _, key := range r.Metadata() {
			keys += " `" + key + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r, r.Code(), retry, strings.TrimSpace(keys), r.Todo())
	}
	return b.String()
}

const made = "<!-- Made from %s by make docs. DO NOT EDIT. -->\n\n"

// cliPage is every command's help.
func cliPage(*testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, made, "cmd/prism")
	root := newRoot()
	fmt.Fprintf(&b, "# prism\n\n%s\n", paragraphs(root.Long))
	for _, c := range root.Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		fmt.Fprintf(&b, "\n## prism %s\n\n%s\n\n```\n%s\n\n%s\n```\n", c.Name(), paragraphs(cmp.Or(c.Long, c.Short+".")), c.UseLine(), c.Example)
		flags(&b, c)
	}
	b.WriteString("\n## prism completion\n\n`prism completion bash`, `zsh`, `fish` or `powershell` prints a script for the shell; `prism completion bash --help` says how it is loaded.\n")
	return b.String()
}

func flags(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableLocalFlags() {
		return
	}
	b.WriteString("\n| flag | environment | default | |\n| --- | --- | --- | --- |\n")
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		name, value := "`--"+f.Name+"`", ""
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if f.DefValue != "" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", name, variable(f.Name), value, f.Usage)
	})
}

// paragraphs formats the indented parts of a text as code.
func paragraphs(text string) string {
	parts := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range parts {
		if code, ok := strings.CutPrefix("\n"+p, "\n  "); ok {
			parts[i] = "```\n" + strings.ReplaceAll(code, "\n  ", "\n") + "\n```"
		} else {
			parts[i] = flow(p)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "\n\n"), "\n```\n\n```\n", "\n\n") // one listing, not two
}

func escape(text string) string { return strings.NewReplacer("<", `\<`, "*", `\*`).Replace(text) }

// backendsPage is what each backend promises, and the package comment of its
// run-time half.
func backendsPage(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, made, "backends/*/gen and backends/*/doc.go")
	b.WriteString("# Backends\n\nA namespace of prism.yaml names its backend, and may have settings of it under `config`:\n\n```yaml\nnamespaces:\n  - name: user-profiles\n    backend: sqlite\n    config: {synchronous: NORMAL}\n```\n\nA setting *with references* may hold `${env:NAME}` and `${file:path}`, which are resolved when the proxy starts. A write that was acknowledged has one of these classes:\n\n| class | |\n| --- | --- |\n")
	values := optionsFile(t).Messages().ByName("Entity").Enums().ByName("Durability").Values()
	for i := range values.Len() {
		if v := values.Get(i); v.Number() != 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", v.Name(), comment(v))
		}
	}
	all := allBackends()
	for _, a := range schema.Abstractions() {
		fmt.Fprintf(&b, "\nWhat a backend does for entities of the abstraction %s, beyond %s. What an entity needs and its backend does not have is [PRISM3010](diagnostics.md); `%[1]s = {without: […]}` does without.\n\n| |", a.Name, a.Core)
		for _, backend := range all {
			fmt.Fprintf(&b, " [%s](#%[1]s) |", backend.Name)
		}
		b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(all)) + "\n")
		for _, row := range compare(a, all) {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	for _, backend := range all {
		fmt.Fprintf(&b, "\n## %s\n\n", backend.Name)
		if backend.Columns {
			b.WriteString("Marked fields have columns. ")
		}
		b.WriteString("Promises:\n\n")
		for _, p := range backend.Durability {
			fmt.Fprintf(&b, "- %s\n", p)
		}
		if len(backend.Config) > 0 {
			b.WriteString("\n| setting | value | |\n| --- | --- | --- |\n")
			for _, s := range backend.Config {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, s, s.Doc)
			}
		}
		_, text, _ := strings.Cut(packageComment(t, filepath.Join("../../backends", backend.Name, "doc.go")), "\n\n")
		b.WriteString("\n" + text)
	}
	return b.String()
}

// packageComment is a package's comment as Markdown.
func packageComment(t *testing.T, file string) string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.NewFromFiles(files, []*ast.File{f}, "x")
	if err != nil {
		t.Fatal(err)
	}
	return string(p.Markdown(p.Doc))
}

// schemaPage is options.proto with its comments.
func schemaPage(t *testing.T) string {
	f := optionsFile(t)
	var b strings.Builder
	fmt.Fprintf(&b, made, "schemas/"+prismv1.Path)
	const syntax = 12 // FileDescriptorProto.syntax
	head := f.SourceLocations().ByPath(protoreflect.SourcePath{syntax}).LeadingComments
	fmt.Fprintf(&b, "# The schema language\n\n%s\n", paragraphs(strings.ReplaceAll("\n"+head, "\n ", "\n")))
	for i := range f.Extensions().Len() {
		x := f.Extensions().Get(i)
		fmt.Fprintf(&b, "\n`option (%s)`, of type [%s](#%s): %s\n", x.FullName(), x.Message().Name(), strings.ToLower(string(x.Message().Name())), comment(x))
	}
	messages(&b, f.Messages(), "")
	return b.String()
}

func messages(b *strings.Builder, list protoreflect.MessageDescriptors, prefix string) {
	for i := range list.Len() {
		m := list.Get(i)
		fmt.Fprintf(b, "\n## %s%s\n\n%s\n", prefix, m.Name(), comment(m))
		if m.Fields().Len() > 0 {
			b.WriteString("\n")
		}
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			fmt.Fprintf(b, "- %s\n", entry(f, kind(f)))
		}
		for j := range m.Enums().Len() {
			e := m.Enums().Get(j)
			fmt.Fprintf(b, "\n### %s%s.%s\n\n", prefix, m.Name(), e.Name())
			for k := range e.Values().Len() {
				if v := e.Values().Get(k); v.Number() != 0 {
					fmt.Fprintf(b, "- %s\n", entry(v, ""))
				}
			}
		}
		messages(b, m.Messages(), prefix+string(m.Name())+".")
	}
}

// entry is the name of d, its type if it has one, and its comment.
func entry(d protoreflect.Descriptor, kind string) string {
	text := "`" + string(d.Name()) + "`"
	if kind != "" {
		text += " (" + kind + ")"
	}
	if c := comment(d); c != "" {
		text += ": " + c
	}
	return text
}

func kind(f protoreflect.FieldDescriptor) string {
	name := f.Kind().String()
	switch {
	case f.Message() != nil:
		name = path.Base(strings.TrimPrefix(string(f.Message().FullName()), "prism.v1."))
	case f.Enum() != nil:
		name = strings.TrimPrefix(string(f.Enum().FullName()), "prism.v1.")
	}
	if f.IsList() {
		return "repeated " + name
	}
	return name
}

// comment is the comment before d in its file, in one line.
func comment(d protoreflect.Descriptor) string {
	return flow(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments)
}

func flow(text string) string { return escape(strings.Join(strings.Fields(text), " ")) }

func optionsFile(t *testing.T) protoreflect.FileDescriptor {
	t.Helper()
	fsys := fstest.MapFS{prismv1.Path: {Data: []byte(prismv1.Source)}}
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(name string) (protocompile.SearchResult, error) {
			f, err := fsys.Open(name)
			return protocompile.SearchResult{Source: f}, err
		})),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(t.Context(), prismv1.Path)
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}
