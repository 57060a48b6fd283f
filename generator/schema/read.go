package schema

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Input is what a model is made of.
type Input struct {
	Config     []byte // the text of prism.yaml
	ConfigPath string // where it stands, with slashes, from the module's root
	Module     string // the module's path, which prism.yaml must have; "": it is not known
	// Files hold at least the files of the packages that Config names; those
	// of other packages are passed over.
	Files  []protoreflect.FileDescriptor
	Stores []Store
}

// Read returns the model, or nil and every fault. Warnings come beside a model
// and beside faults. Diagnostics are sorted; the result does not depend on the
// order of Files.
func Read(in Input) (*Deployment, []Diagnostic) {
	r := &reader{
		stores:     in.Stores,
		namespaces: map[string]*Namespace{},
	}
	d := r.deployment(in)
	for _, f := range in.Files {
		if slices.Contains(d.Packages, string(f.Package())) {
			d.Files = append(d.Files, f)
		}
	}
	slices.SortFunc(d.Files, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	r.files(d)
	r.checkContracts(d)
	r.checkFiles(d)
	r.checkGo(d)
	r.checkNames(d)
	r.generatedFiles(d)
	r.checkFields(d)
	r.checkRecursion(d)
	r.checkComments(d)
	r.checkUse(d)
	r.checkStores(d)

	SortDiagnostics(r.faults)
	if HasError(r.faults) {
		return nil, r.faults
	}
	return d, r.faults
}

// reader gathers the faults of one Read.
type reader struct {
	stores     []Store
	namespaces map[string]*Namespace // those of prism.yaml
	places     configPlaces
	entities   []*Entity // also those that no namespace has
	faults     []Diagnostic
}

// report adds a fault; the table of rules gives its severity and its rule.
func (r *reader) report(number int, at Source, fix, what string, args ...any) {
	r.faults = append(r.faults, NewDiagnostic(number, at, fmt.Sprintf(what, args...), fix))
}

// files reads the entities of all files into their namespaces.
func (r *reader) files(d *Deployment) {
	r.placeGoPackages(d)
	r.checkImports(d)
	for _, f := range d.Files {
		for i := range f.Messages().Len() {
			r.message(f.Messages().Get(i))
		}
	}
	for _, n := range d.Namespaces {
		sortByFullName(n.Entities)
	}
}

// message reads an entity, and refuses what only an entity may have in the
// messages that are none.
func (r *reader) message(m protoreflect.MessageDescriptor) {
	options := entityOptions(m)
	_, nested := m.Parent().(protoreflect.MessageDescriptor)
	switch {
	case options != nil && nested:
		r.report(RuleEntityPlace, place(m, entityOption...), "move the message to the top level of the file",
			"entity %s is nested in another message", m.FullName())
	case options != nil:
		r.entity(m, options)
	default:
		r.noEntity(m)
	}
	for i := range m.Messages().Len() {
		if n := m.Messages().Get(i); !n.IsMapEntry() {
			r.message(n)
		}
	}
}

// checkStores asks the stores about the deployment as a whole.
func (r *reader) checkStores(d *Deployment) {
	if HasError(r.faults) {
		return
	}
	for _, s := range r.stores {
		if s.CheckDeployment == nil {
			continue
		}
		for _, b := range s.CheckDeployment(d) {
			r.report(RuleBackendLimit, b.At, b.Fix, "%s", b.What)
		}
	}
}

// checkUse finds namespaces of prism.yaml without entities, and packages
// without files.
func (r *reader) checkUse(d *Deployment) {
	for _, n := range d.Namespaces {
		r.checkRates(n)
	}
	// Of a text that was not understood nobody knows where its files are.
	if slices.ContainsFunc(r.faults, func(f Diagnostic) bool { return f.Number == RuleYAMLKey || f.Number == RuleYAMLType }) {
		return
	}
	for _, p := range d.Packages {
		if !slices.ContainsFunc(d.Files, func(f protoreflect.FileDescriptor) bool { return string(f.Package()) == p }) {
			r.report(RuleDeploymentPackages, r.places.packages[p], "correct the name, or remove it",
				"no file has package %s", p)
		}
	}
	// An entity that is in no namespace may be meant for an empty one.
	homeless := []int{RuleDeploymentPackages, RuleNamespaceName, RuleEntityPlace, RuleOptionUnknown}
	if slices.ContainsFunc(r.faults, func(f Diagnostic) bool { return slices.Contains(homeless, f.Number) }) {
		return
	}
	for _, n := range d.Namespaces {
		if len(n.Entities) == 0 && n == r.namespaces[n.Name] && !r.places.meant[n.Name] {
			r.report(RuleNamespaceEmpty, r.places.namespaces[n.Name], "remove it, or write it on an entity",
				"no entity in the packages has namespace %q", n.Name)
		}
	}
}
