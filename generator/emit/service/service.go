// Package service emits service.go, batches.go and lists.go of an entity's
// package: the handlers between the contract and the store, and the list of
// methods that the runtime calls them by. But for the store's import they are
// the same for every backend.
package service

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Emit returns service.go of e, in the folder dir: what binds the service to its
// store, and the handlers of one record.
func Emit(e *schema.Entity, b *emit.Backend, dir, importPath, contractPath string) (emit.File, error) {
	p := &printer{e: e, sweeps: e.TTL > 0 && !b.Expires}
	backend := path.Base(b.Runtime)
	imports := imports()
	imports[backend] = b.Runtime
	doc := fmt.Sprintf("Package %s serves %s from %s.\nSource: %s.", e.GoPackage, e.Desc.FullName(), e.Namespace.Backend, e.Source.File)
	f := golang.NewFile(importPath, e.GoPackage, doc, imports)
	p.service(f, backend, contractPath)
	p.single(f)
	content, err := f.Bytes()
	return emit.File{Path: path.Join(dir, "service.go"), Content: content}, err
}

// EmitMany returns batches.go and lists.go of e, the handlers of many records,
// with paths from the package's folder: they are the same in every package of
// e, whatever its store.
func EmitMany(e *schema.Entity) ([]emit.File, error) {
	p := &printer{e: e}
	var files []emit.File
	for _, f := range []struct {
		name   string
		print  func(*golang.File)
		served bool
	}{
		{"batches.go", p.batches, e.Has(schema.CanBatch)},
		{"lists.go", p.lists, e.Has(schema.CanScan) || len(e.Indexes) > 0},
	} {
		if !f.served {
			continue
		}
		file := golang.NewFile("", e.GoPackage, "", imports())
		f.print(file)
		content, err := file.Bytes()
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.name, e.Desc.FullName(), err)
		}
		files = append(files, emit.File{Path: f.name, Content: content})
	}
	return files, nil
}

func imports() golang.Imports {
	return golang.Imports{
		"bytes": "bytes", "context": "context", "math": "math", "cmp": "cmp", "utf8": "unicode/utf8",
		"runtime":  golang.Module + "/runtime",
		"keyvalue": golang.Module + "/runtime/keyvalue",
		"page":     golang.Module + "/runtime/page",
		"wire":     golang.Module + "/runtime/wire",
	}
}

type printer struct {
	e      *schema.Entity
	sweeps bool // records expire, and the store leaves them to the proxy
}

func (p *printer) service(f *golang.File, backend, contractPath string) {
	e, service := p.e, p.e.FullServiceName()
	var methods strings.Builder
	for _, m := range e.Service.Methods {
		fmt.Fprintf(&methods, "{Name: %q, Unary: s.%s", m.Name, m.GoName)
		if m.Write {
			methods.WriteString(", Write: true")
		}
		if rate := e.Rate(m); rate.Value > 0 {
			fmt.Fprintf(&methods, ", Rate: %d, RateOf: %q", rate.Value, rate.Formula)
		}
		methods.WriteString("},\n")
	}
	tasks := ""
	if p.sweeps {
		tasks = "Tasks: []@runtime.Task{@keyvalue.Sweep(s.store.sweep)},\n"
	}
	f.Add(golang.Skew)
	f.Fill(`// Service serves $service. It is safe for concurrent use.
type Service struct{ store store }

// NewService binds the service to the store of namespace $namespace.
func NewService(db *@$backend.DB) @runtime.Service {
	s := &Service{store{db}}
	return @runtime.Service{
		Name: $serviceName,
		Contract: $contract,
		Methods: []@runtime.Method{
			$methods},
		$tasks}
}`, golang.Holes{
		"service": service, "serviceName": strconv.Quote(service), "namespace": e.Namespace.Name,
		"contract": strconv.Quote(contractPath), "methods": methods.String(), "tasks": tasks,
		"backend": backend,
	})
}

// single prints the handlers of one record.
func (p *printer) single(f *golang.File) {
	e := p.e
	f.Fill(`// put serves Put$entity.
func (s *Service) put(ctx @context.Context, request []byte) ([]byte, error) {
	message, err := @keyvalue.Item(request)
	if err != nil {
		return nil, err
	}
	var r record
	if err := r.check(message); err != nil {
		return nil, @runtime.In($label, err)
	}
	written, err := s.store.put(ctx, &r)
	return @keyvalue.AppendWritten(nil, written), err
}

// get serves Get$entity.
func (s *Service) get(ctx @context.Context, request []byte) ([]byte, error) {
	message, err := @keyvalue.Item(request)
	if err != nil {
		return nil, err
	}
	k := emptyKey
	if err := k.check(message); err != nil {
		return nil, @runtime.In("key", err)
	}
	result := @keyvalue.Result{Call: @runtime.CallOf(ctx)}
	err = s.store.get(ctx, &k, result.Add)
	return result.Bytes(), err
}

// delete serves Delete$entity.
func (s *Service) delete(ctx @context.Context, request []byte) ([]byte, error) {
	message, ifVersion, err := @keyvalue.Versioned(request, "if_version")
	if err != nil {
		return nil, err
	}
	k := emptyKey
	if err := k.check(message); err != nil {
		return nil, @runtime.In("key", err)
	}
	existed, err := s.store.delete(ctx, &k, ifVersion)
	return @keyvalue.AppendExisted(nil, existed), err
}`, golang.Holes{"entity": e.Name, "label": strconv.Quote(e.Label)})
	if !e.Has(schema.CanSwap) {
		return
	}
	f.Fill(`// compareAndSwap serves CompareAndSwap$entity.
func (s *Service) compareAndSwap(ctx @context.Context, request []byte) ([]byte, error) {
	message, expected, err := @keyvalue.Versioned(request, "expected_version")
	if err != nil {
		return nil, err
	}
	var r record
	if err := r.check(message); err != nil {
		return nil, @runtime.In($label, err)
	}
	written, err := s.store.compareAndSwap(ctx, &r, expected)
	return @keyvalue.AppendWritten(nil, written), err
}`, golang.Holes{"entity": e.Name, "label": strconv.Quote(e.Label)})
}

func (p *printer) batches(f *golang.File) {
	e := p.e
	f.Fill(`// batchPut serves BatchPut$entities: all records or none.
func (s *Service) batchPut(ctx @context.Context, request []byte) ([]byte, error) {
	items, err := @keyvalue.Items(request, $labels)
	if err != nil {
		return nil, err
	}
	records, keys := make([]record, len(items)), @keyvalue.Keys{}
	var wrong @runtime.Violations
	for i, item := range items {
		r := &records[i]
		if err := r.check(item); err != nil {
			wrong.Add(@runtime.InItem($labels, i, err))
			continue
		}
		wrong.Add(keys.Add($labels, i, r.key.append(nil)))
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	written, err := s.store.batchPut(ctx, records)
	return @keyvalue.AppendAllWritten(nil, written), err
}

// batchGet serves BatchGet$entities.
func (s *Service) batchGet(ctx @context.Context, request []byte) ([]byte, error) {
	keys, err := readKeys(request)
	if err != nil {
		return nil, err
	}
	results := @keyvalue.Results{Call: @runtime.CallOf(ctx)}
	err = s.store.batchGet(ctx, keys, results.Add)
	return results.Bytes(), err
}

// batchDelete serves BatchDelete$entities: all records or none.
func (s *Service) batchDelete(ctx @context.Context, request []byte) ([]byte, error) {
	keys, err := readKeys(request)
	if err != nil {
		return nil, err
	}
	existed, err := s.store.batchDelete(ctx, keys)
	return @keyvalue.AppendAllExisted(nil, existed), err
}

// readKeys reads the keys of a batch and says what is wrong with them.
func readKeys(request []byte) ([]key, error) {
	items, err := @keyvalue.Items(request, "keys")
	if err != nil {
		return nil, err
	}
	keys, seen := make([]key, len(items)), @keyvalue.Keys{}
	var wrong @runtime.Violations
	for i, item := range items {
		k := &keys[i]
		*k = emptyKey
		if err := k.check(item); err != nil {
			wrong.Add(@runtime.InItem("keys", i, err))
			continue
		}
		wrong.Add(seen.Add("keys", i, k.append(nil)))
	}
	return keys, wrong.Err()
}`, golang.Holes{"entities": e.Plural, "labels": strconv.Quote(e.Labels)})
}
