package prismtest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prism-proxy/prism/runtime"
)

// Fault is what a test makes happen to calls of a method.
type Fault struct {
	// Reason is why the calls fail. Empty: they succeed.
	Reason runtime.Reason
	// Metadata is the reason's own metadata, such as current_version, besides that
	// of every error.
	Metadata map[string]string
	// Applied says that the call is served before it fails: the caller learns that
	// the outcome is unknown.
	Applied bool
	// Delay is how long a call waits before it is served or fails, or until its
	// deadline. It is real time, not that of Clock.
	Delay time.Duration
	// Times is how many calls are affected. 0: all, until Heal.
	Times int
}

// Fail makes calls of a method fail for a reason until Heal. It is Inject with
// a Reason only.
func (p *Proxy) Fail(method string, reason runtime.Reason) {
	p.t.Helper()
	p.Inject(method, Fault{Reason: reason})
}

// Inject makes f happen to calls of a method, and replaces an earlier fault.
// The method is PutOrder, or shop.v1.OrderService/PutOrder if several services
// have it. The test fails at once if there is no such method, or if by the contract
// it never fails for that reason, so call Inject from the test's goroutine.
func (p *Proxy) Inject(method string, f Fault) {
	p.t.Helper()
	if f.Reason != "" && !slices.Contains(runtime.Reasons(), f.Reason) {
		p.t.Fatalf("no error has the reason %s", f.Reason)
	}
	m := p.method(method)
	if f.Reason != "" && !m.fails(f.Reason) {
		legal := slices.DeleteFunc(runtime.Reasons(), func(r runtime.Reason) bool { return !m.fails(r) })
		p.t.Fatalf("%s never fails with %s; it may fail with %s", m.Name, f.Reason, join(legal))
	}
	f.Metadata = maps.Clone(f.Metadata)
	m.inject(&f)
}

// particular are the reasons that only some methods have.
var particular = []runtime.Reason{
	runtime.NotFound, runtime.VersionMismatch, runtime.Exists, runtime.Unique,
	runtime.BatchEmpty, runtime.BatchSize, runtime.BatchDuplicate, runtime.PageSizeRange, runtime.PageTokenInvalid,
}

// fails reports whether calls of the method may fail for a reason.
func (m *method) fails(r runtime.Reason) bool {
	return !slices.Contains(particular, r) || slices.Contains(m.reasons, r)
}

func join(reasons []runtime.Reason) string {
	var names []string
	for _, r := range reasons {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// Heal ends the fault that calls of a method have.
func (p *Proxy) Heal(method string) {
	p.t.Helper()
	p.method(method).inject(nil)
}

// method returns the one method that name means.
func (p *Proxy) method(name string) *method {
	p.t.Helper()
	var found []string
	for full := range p.methods {
		if full == name || strings.HasSuffix(full, "/"+name) {
			found = append(found, full)
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 0:
		p.t.Fatalf("the proxy has no method %s; it has %s", name, strings.Join(slices.Sorted(maps.Keys(p.methods)), ", "))
	case 1:
		return p.methods[found[0]]
	}
	p.t.Fatalf("several services have a method %s; write one of %s", name, strings.Join(found, ", "))
	return nil
}

// method is a method whose calls a test can make fail.
type method struct {
	runtime.Method
	reasons []runtime.Reason // of particular, those that it has
	mu      sync.Mutex
	fault   *Fault // nil: none
}

func (m *method) inject(f *Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// next returns what happens to the next call.
func (m *method) next() Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault == nil {
		return Fault{}
	}
	f := *m.fault
	if m.fault.Times > 0 {
		if m.fault.Times--; m.fault.Times == 0 {
			m.fault = nil
		}
	}
	return f
}

func (m *method) serve(ctx context.Context, request []byte) ([]byte, error) {
	f := m.next()
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
			return nil, runtime.ContextError(ctx)
		}
	}
	if f.Reason == "" {
		return m.Unary(ctx, request)
	}
	outcome := "none"
	if f.Applied {
		if _, err := m.Unary(ctx, request); err != nil {
			return nil, err
		}
		outcome = "unknown"
	}
	failed := &runtime.Error{Reason: f.Reason, What: "the test wants it so", Metadata: map[string]string{}}
	if m.Write && slices.Contains(f.Reason.Metadata(), "outcome") {
		failed.Metadata["outcome"] = outcome
	}
	maps.Copy(failed.Metadata, f.Metadata)
	return nil, failed
}

// watched returns d, whose methods have those reasons, with methods that can fail and stores that can be
// inspected. p gets the stores when they are opened.
func (p *Proxy) watched(d *runtime.Deployment, reasons map[string][]runtime.Reason) *runtime.Deployment {
	p.methods, p.stores = map[string]*method{}, map[string]store{}
	watched := *d
	watched.Namespaces = nil
	for _, n := range d.Namespaces {
		open := n.Open
		n.Open = func(ctx context.Context, env *runtime.Env) (runtime.Store, error) {
			opened, err := open(ctx, env)
			if err != nil {
				return opened, err
			}
			for _, table := range n.Tables {
				p.stores[table] = opened.Closer.(store)
			}
			for _, s := range opened.Services {
				for i := range s.Methods {
					m := &method{Method: s.Methods[i], reasons: reasons[s.Name+"/"+s.Methods[i].Name]}
					s.Methods[i].Unary = m.serve
					p.methods[s.Name+"/"+m.Name] = m
				}
			}
			return opened, nil
		}
		watched.Namespaces = append(watched.Namespaces, n)
	}
	return &watched
}
