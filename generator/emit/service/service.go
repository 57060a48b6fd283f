// Package service emits service.go and lists.go of an entity's package: the
// handlers between the contract and the store, and the ServiceDesc that grpc
// calls them by. They are the same for every backend.
package service

import (
	"fmt"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Emit returns the handlers of e, in the folder dir.
func Emit(e *schema.Entity, dir, importPath, backendPath, contractPath string) ([]emit.File, error) {
	p := &printer{e: e, imports: golang.Imports{
		"bytes": "bytes", "math": "math", "cmp": "cmp", "utf8": "unicode/utf8",
		"grpc":     "google.golang.org/grpc",
		"runtime":  golang.Module + "/runtime",
		"keyvalue": golang.Module + "/runtime/keyvalue",
		"wire":     golang.Module + "/runtime/wire",
		"backend":  backendPath,
	}}
	var files []emit.File
	for _, f := range []struct {
		name  string
		print func(*golang.File)
	}{
		{"service.go", func(f *golang.File) { p.service(f, contractPath) }},
		{"batches.go", p.batches},
		{"lists.go", p.lists},
	} {
		file := golang.NewFile(importPath, e.GoPackage, "", p.imports)
		f.print(file)
		content, err := file.Bytes()
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.name, e.Desc.FullName(), err)
		}
		files = append(files, emit.File{Path: path.Join(dir, f.name), Content: content})
	}
	return files, nil
}

type printer struct {
	e       *schema.Entity
	imports golang.Imports
}

// method is one RPC and the function that serves it.
type method struct {
	name, goName string
	write        bool
}

// methods returns the RPCs in the order of the contract.
func methods(e *schema.Entity) []method {
	all := []method{
		{"Put" + e.Name, "put", true},
		{"Get" + e.Name, "get", false},
		{"Delete" + e.Name, "delete", true},
		{"CompareAndSwap" + e.Name, "compareAndSwap", true},
		{"BatchPut" + e.Plural, "batchPut", true},
		{"BatchGet" + e.Plural, "batchGet", false},
		{"BatchDelete" + e.Plural, "batchDelete", true},
		{"Scan" + e.Plural, "scan", false},
	}
	for _, x := range e.Indexes {
		all = append(all, method{x.Find, x.GoName, false})
	}
	return all
}

func (m method) variable() string {
	return "method" + strings.ToUpper(m.goName[:1]) + m.goName[1:]
}

func (p *printer) serviceName() string {
	return string(p.e.Desc.ParentFile().Package()) + "." + p.e.Name + "Service"
}

func (p *printer) service(f *golang.File, contractPath string) {
	e, service := p.e, p.serviceName()
	sweep := ""
	if e.TTL > 0 {
		sweep = ", Sweep: s.store.sweep"
	}
	f.Add(golang.Skew)
	f.Add(`// Service serves %s. It is safe for concurrent use.
type Service struct {
	store  store
	tokens *@keyvalue.Tokens
}

// NewService binds the service to the store of namespace %s.
func NewService(db *@backend.DB) @runtime.Service {
	s := &Service{store: store{db: db}, tokens: db.Tokens}
	return @runtime.Service{Desc: &ServiceDesc, Impl: s%s}
}`, service, e.Namespace.Name, sweep)
	var b strings.Builder
	fmt.Fprintf(&b, "// ServiceDesc is what grpc calls the service by.\nvar ServiceDesc = @grpc.ServiceDesc{\nServiceName: %q,\nHandlerType: (*any)(nil),\nMethods: []@grpc.MethodDesc{\n", service)
	for _, m := range methods(e) {
		fmt.Fprintf(&b, "{MethodName: %q, Handler: @runtime.Unary(&%s, (*Service).%s)},\n", m.name, m.variable(), m.goName)
	}
	fmt.Fprintf(&b, "},\nMetadata: %q,\n}\n\nvar (\n", contractPath)
	for _, m := range methods(e) {
		write := ""
		if m.write {
			write = ", Write: true"
		}
		fmt.Fprintf(&b, "%s = @runtime.Method{Name: %q, Service: %q, Namespace: %q%s}\n", m.variable(), m.name, service, e.Namespace.Name, write)
	}
	b.WriteString(")")
	f.Add("%s", b.String())
	p.single(f)
}

// single prints the handlers of one record.
func (p *printer) single(f *golang.File) {
	e := p.e
	f.Add(`// put serves Put%[1]s.
func (s *Service) put(call *@runtime.Call) error {
	message, _, err := @keyvalue.Item(call.Request())
	if err != nil {
		return err
	}
	var r record
	if err := r.check(message); err != nil {
		return @runtime.In(%[2]q, err)
	}
	written, err := s.store.put(call.Context(), &r)
	if err != nil {
		return err
	}
	call.Reply(@keyvalue.AppendWritten(nil, written))
	return nil
}

// get serves Get%[1]s.
func (s *Service) get(call *@runtime.Call) error {
	message, _, err := @keyvalue.Item(call.Request())
	if err != nil {
		return err
	}
	k := emptyKey
	if err := k.check(message); err != nil {
		return @runtime.In("key", err)
	}
	out, err := s.store.get(call.Context(), &k, nil)
	if err != nil {
		return err
	}
	call.Reply(out)
	return nil
}

// delete serves Delete%[1]s.
func (s *Service) delete(call *@runtime.Call) error {
	message, ifVersion, err := @keyvalue.Item(call.Request())
	if err != nil {
		return err
	}
	k := emptyKey
	if err := k.check(message); err != nil {
		return @runtime.In("key", err)
	}
	if err := @keyvalue.CheckVersion("if_version", ifVersion); err != nil {
		return err
	}
	existed, err := s.store.delete(call.Context(), &k, ifVersion)
	if err != nil {
		return err
	}
	call.Reply(@keyvalue.AppendExisted(nil, existed))
	return nil
}

// compareAndSwap serves CompareAndSwap%[1]s.
func (s *Service) compareAndSwap(call *@runtime.Call) error {
	message, expected, err := @keyvalue.Item(call.Request())
	if err != nil {
		return err
	}
	var r record
	if err := r.check(message); err != nil {
		return @runtime.In(%[2]q, err)
	}
	if err := @keyvalue.CheckVersion("expected_version", expected); err != nil {
		return err
	}
	written, err := s.store.compareAndSwap(call.Context(), &r, expected)
	if err != nil {
		return err
	}
	call.Reply(@keyvalue.AppendWritten(nil, written))
	return nil
}`, e.Name, e.Label)
}

func (p *printer) batches(f *golang.File) {
	e := p.e
	f.Add(`// batchPut serves BatchPut%[1]s: all records or none.
func (s *Service) batchPut(call *@runtime.Call) error {
	items, err := @keyvalue.Items(call.Request(), %[2]q)
	if err != nil {
		return err
	}
	records, keys := make([]record, len(items)), @keyvalue.Keys{}
	for i, item := range items {
		r := &records[i]
		if err := r.check(item); err != nil {
			return @runtime.InItem(%[2]q, i, err)
		}
		if err := keys.Add(%[2]q, i, r.key.append(nil)); err != nil {
			return err
		}
	}
	written, err := s.store.batchPut(call.Context(), records)
	if err != nil {
		return err
	}
	call.Reply(@keyvalue.AppendAllWritten(nil, written))
	return nil
}

// batchGet serves BatchGet%[1]s.
func (s *Service) batchGet(call *@runtime.Call) error {
	keys, err := readKeys(call.Request())
	if err != nil {
		return err
	}
	var results @keyvalue.Results
	if err := s.store.batchGet(call.Context(), keys, &results); err != nil {
		return err
	}
	call.Reply(results.Bytes())
	return nil
}

// batchDelete serves BatchDelete%[1]s: all records or none.
func (s *Service) batchDelete(call *@runtime.Call) error {
	keys, err := readKeys(call.Request())
	if err != nil {
		return err
	}
	existed, err := s.store.batchDelete(call.Context(), keys)
	if err != nil {
		return err
	}
	call.Reply(@keyvalue.AppendAllExisted(nil, existed))
	return nil
}

// readKeys reads the keys of a batch and says what is wrong with them.
func readKeys(request []byte) ([]key, error) {
	items, err := @keyvalue.Items(request, "keys")
	if err != nil {
		return nil, err
	}
	keys, seen := make([]key, len(items)), @keyvalue.Keys{}
	for i, item := range items {
		k := &keys[i]
		*k = emptyKey
		if err := k.check(item); err != nil {
			return nil, @runtime.InItem("keys", i, err)
		}
		if err := seen.Add("keys", i, k.append(nil)); err != nil {
			return nil, err
		}
	}
	return keys, nil
}`, e.Plural, e.Labels)
}
