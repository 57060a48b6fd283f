// Package generator is the compiler: descriptors, prism.yaml and the history go
// in, and files come out, or every diagnostic at once. Run, Compile and Respond
// are pure but for what the latter two are told to read; Write alone changes the
// disk.
package generator

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/compat"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/contract"
	"github.com/prism-proxy/prism/generator/emit/server"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/migrate"
	"github.com/prism-proxy/prism/generator/plan"
	"github.com/prism-proxy/prism/generator/schema"
)

// Version is the compiler's, as every proxy that it makes reports it.
const Version = "0.1.0"

// Input is one deployment.
type Input struct {
	Config     []byte // the text of prism.yaml
	ConfigPath string // where it stands, with slashes, from the module's root
	Module     string // the module's path, as go.mod has it; "": it is not known
	// History is its folder: the lock, the migrations and the schemas of the releases.
	// Nil: there is nothing yet.
	History fs.FS
	// Files hold at least the files of the packages that Config names, in any
	// order.
	Files    []protoreflect.FileDescriptor
	Backends []*emit.Backend
	// TestKit is the backend that test kits have for every namespace. Nil: the
	// deployment gets no test kit.
	TestKit *emit.Backend
	Command
}

// Command is what a run is told to do with the history, besides to lead it on.
type Command struct {
	// Abandon names namespaces and entities of the lock that may be removed, or
	// changed so that the proxy no longer finds their records.
	Abandon []string
	// Release closes the open release.
	Release bool
	// Unjudged lets a schema through that breaks what a released one promised: what it
	// breaks is in Output.Findings alone.
	Unjudged bool
}

// Output is what a deployment compiles to. Equal inputs give equal outputs.
type Output struct {
	Deployment *schema.Deployment
	Files      []emit.File // by path
	// Trees and Folders say where runs before may have written what this one does
	// not: in a tree with all below it, and in a folder without its subfolders.
	Trees, Folders []string
	// Plan is the history, with the migrations.
	Plan *migrate.Plan
	// Findings are what the schema breaks of the released ones, acknowledged or not.
	Findings []compat.Finding

	rest []string // further files that an earlier run may have written
}

// Run compiles a deployment. It returns nil and every fault, or the output;
// warnings come beside either.
func Run(in Input) (*Output, []schema.Diagnostic) {
	backends := map[string]*emit.Backend{}
	var stores []schema.Store
	for _, b := range in.Backends {
		backends[b.Name] = b
		stores = append(stores, b.Store)
	}
	d, faults := schema.Read(schema.Input{
		Config: in.Config, ConfigPath: in.ConfigPath, Module: in.Module, Files: in.Files, Stores: stores,
	})
	if d == nil {
		return nil, faults
	}
	before := &history.History{Dir: d.Dir}
	if in.History != nil {
		var historyFaults []schema.Diagnostic
		if before, historyFaults = history.Read(in.History, d.Dir); len(historyFaults) > 0 {
			return nil, sortedFaults(faults, historyFaults)
		}
	}
	findings, err := compat.Judge(d, before.Released)
	if err != nil {
		return nil, failed(faults, err)
	}
	for _, f := range findings {
		if f.Acknowledged == "" && !in.Unjudged {
			faults = append(faults, f.Diagnostic)
		}
	}
	plan, historyFaults, err := migrate.Run(migrate.Input{
		Deployment: d, Backends: backends, History: before, Abandon: in.Abandon, Release: in.Release,
	})
	if faults = sortedFaults(faults, historyFaults); schema.HasError(faults) {
		return nil, faults
	}
	var files []emit.File
	if err == nil {
		files, err = emitAll(d, backends, in.TestKit)
	}
	if err == nil {
		files, err = sorted(append(files, plan.Files...))
	}
	if err != nil {
		return nil, failed(faults, err)
	}
	out := &Output{
		Deployment: d, Files: files, Plan: plan, Findings: findings,
		Trees: []string{path.Join("out", d.Name), path.Join(d.Dir, history.MigrationsDir), path.Join(d.Dir, history.ReleasedDir)},
	}
	for _, f := range d.Files {
		out.Folders = append(out.Folders, path.Join(contract.Dir, path.Dir(f.Path())))
	}
	for _, e := range d.Entities() {
		out.Folders = append(out.Folders, path.Join(contract.Dir, e.Contract.Dir))
	}
	slices.Sort(out.Folders)
	out.Folders = slices.Compact(out.Folders)
	return out, faults
}

func sortedFaults(faults, more []schema.Diagnostic) []schema.Diagnostic {
	faults = append(faults, more...)
	schema.SortDiagnostics(faults)
	return faults
}

func failed(faults []schema.Diagnostic, err error) []schema.Diagnostic {
	return append(faults, schema.Diagnostic{What: "the compiler failed, which no schema should make it do: " + err.Error()})
}

// emitAll runs every emitter, each of which only reads the model.
func emitAll(d *schema.Deployment, backends map[string]*emit.Backend, kit *emit.Backend) ([]emit.File, error) {
	tasks := []emit.Task{
		func() ([]emit.File, error) { return proxy(d, backends) },
		func() ([]emit.File, error) { return plan.Emit(d, backends), nil },
	}
	entities := d.Entities()
	packages := make([][]pkg, len(entities))
	for i, e := range entities {
		packages[i] = []pkg{{e, server.EntityDir(server.Dir(d), e), backends[e.Namespace.Backend]}}
	}
	if kit != nil && d.TestKit {
		test := inTests(d, kit)
		tasks = append(tasks, func() ([]emit.File, error) {
			f, err := server.EmitTestKit(test, map[string]*emit.Backend{kit.Name: kit}, Version)
			return []emit.File{f}, err
		})
		for i, e := range test.Entities() {
			packages[i] = append(packages[i], pkg{e, server.EntityDir(server.TestKitDir(d), e), kit})
		}
	}
	for _, p := range packages {
		tasks = append(tasks, func() ([]emit.File, error) { return packagesOf[p[0].entity.Abstraction](d, p) })
	}
	return emit.All(tasks)
}

// proxy returns the contract, and the server that embeds its descriptors.
func proxy(d *schema.Deployment, backends map[string]*emit.Backend) ([]emit.File, error) {
	c, err := contract.Emit(d)
	if err != nil {
		return nil, err
	}
	descriptors, err := c.DescriptorText()
	if err != nil {
		return nil, err
	}
	files, err := server.Emit(d, backends, descriptors, Version)
	return append(c.Files, files...), err
}

// inTests returns d as its test kit has it: every namespace is on b whatever
// prism.yaml says, and neither durability nor capacity is asked for.
func inTests(d *schema.Deployment, b *emit.Backend) *schema.Deployment {
	test := *d
	test.Namespaces = nil
	for _, n := range d.Namespaces {
		bound := &schema.Namespace{Name: n.Name, Backend: b.Name}
		for _, e := range n.Entities {
			e := *e
			e.Namespace, e.Capacity = bound, schema.Capacity{} // a test is not throttled
			bound.Entities = append(bound.Entities, &e)
		}
		test.Namespaces = append(test.Namespaces, bound)
	}
	return &test
}

// sorted puts files in the order of their paths, each of which is written once.
func sorted(files []emit.File) ([]emit.File, error) {
	slices.SortFunc(files, func(a, b emit.File) int { return strings.Compare(a.Path, b.Path) })
	for i, f := range files[1:] {
		if f.Path == files[i].Path {
			return nil, fmt.Errorf("%s is emitted twice", f.Path)
		}
	}
	return files, nil
}
