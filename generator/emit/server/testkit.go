package server

import (
	"fmt"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// TestKitDir returns the folder of the deployment's test kit, whose package has
// the folder's name.
func TestKitDir(d *schema.Deployment) string { return path.Join("out", d.Name, d.Name+"test") }

// EmitTestKit returns the package that runs d in the process of a test.
// backends has the backend of every namespace by its name; version is that of
// the compiler.
func EmitTestKit(d *schema.Deployment, backends map[string]*emit.Backend, version string) (emit.File, error) {
	name := path.Base(TestKitDir(d))
	imports := golang.Imports{
		"testing": "testing",
		"runtime": golang.Module + "/runtime", "prismtest": golang.Module + "/runtime/prismtest",
	}
	packages := bind(d, TestKitDir(d), backends, imports)
	clients := bindContracts(d, imports)
	f := golang.NewFile(path.Join(d.ImportPath, TestKitDir(d)), name, golang.Wrap(fmt.Sprintf(
		"Package %s runs deployment %s in the process of a test: every service, with its records in memory. It is for the tests of applications that call the proxy.", name, d.Name), 77), imports)
	f.Add(golang.Skew)
	var fields, values, lists, stored strings.Builder
	for _, c := range clients {
		fmt.Fprintf(&fields, "%s *@%s.%sClient\n", c.field, c.pkg, c.service)
		fmt.Fprintf(&values, "%s: @%s.New%sClient(p.Conn),\n", c.field, c.pkg, c.service)
		fmt.Fprintf(&lists, "%s []*@%s\n", c.records, c.message)
		fmt.Fprintf(&stored, "%s: @prismtest.Stored[@%s](t, p.Proxy, %q),\n", c.records, c.message, c.table)
	}
	f.Add(`// Proxy is the running proxy and its clients. It is safe for concurrent use.
type Proxy struct {
	*@prismtest.Proxy

	%s}`, fields.String())
	f.Add(`// New starts a proxy without records, which stops when t ends. Proxies are
// independent of each other, so tests may run in parallel. Records expire by
// the proxy's Clock, which stands until the test moves it.
//
// What the stores of the deployment promise beyond its contract is not tested:
// nothing outlives the process.
func New(t @testing.TB) *Proxy {
	t.Helper()
	p := @prismtest.Start(t, deployment(), reasons())
	return &Proxy{
		Proxy: p,
		%s}
}`, values.String())
	f.Fill(`// Snapshot is what the stores hold at a time: all records that have not expired, in
// the order of their keys. It is the caller's.
type Snapshot struct {
	$lists}

// Snapshot returns what the stores hold. t fails if they hold what is no record.
func (p *Proxy) Snapshot(t @testing.TB) *Snapshot {
	t.Helper()
	return &Snapshot{
		$stored}
}`, golang.Holes{"lists": lists.String(), "stored": stored.String()})
	f.Fill(`func deployment() *@runtime.Deployment {
	return &@runtime.Deployment{
		Name:       "$name",
		Release:    1,
		Generator:  "$version",
		Namespaces: $namespaces,
	}
}`, golang.Holes{
		"name": d.Name, "version": version, "namespaces": namespaces(d, backends, packages),
	})
	f.Fill(`// reasons are those by which a method fails and not every other: the contract lists
// them.
func reasons() map[string][]@runtime.Reason {
	return map[string][]@runtime.Reason{
		$reasons}
}`, golang.Holes{"reasons": reasons(d)})
	content, err := f.Bytes()
	return emit.File{Path: path.Join(TestKitDir(d), name+".go"), Content: content}, err
}

// reasons returns those of each method, as an entry of the kit's map.
func reasons(d *schema.Deployment) string {
	var b strings.Builder
	for _, e := range d.Entities() {
		for _, m := range e.Service.Methods {
			if len(m.Reasons) > 0 {
				fmt.Fprintf(&b, "%q: {\"%s\"},\n", e.FullServiceName()+"/"+m.Name, strings.Join(m.Reasons, `", "`))
			}
		}
	}
	return b.String()
}

// client is a service's client as the kit has it, and its entity.
type client struct{ field, pkg, service, records, message, table string }

// bindContracts adds to imports the Go packages of the contract and of its messages,
// and returns the clients of all entities. What has a name that several packages have
// is told apart by its package's.
func bindContracts(d *schema.Deployment, imports golang.Imports) []client {
	names, services, plurals := map[string]string{}, map[string]int{}, map[string]int{}
	bind := func(importPath, name string) string {
		if names[importPath] == "" {
			name = strings.ReplaceAll(strings.ToLower(name), "_", "")
			for imports[name] != "" {
				name += "pb"
			}
			names[importPath], imports[name] = name, importPath
		}
		return names[importPath]
	}
	for _, e := range d.Entities() {
		services[e.Name]++
		plurals[e.Plural]++
	}
	var clients []client
	for _, e := range d.Entities() {
		pkg := bind(d.ContractGo(e))
		c := client{
			field: e.Service.Name, pkg: pkg, service: e.Service.Name,
			records: e.Plural, message: bind(d.MessageGo(e.Desc.ParentFile())) + "." + e.Name, table: e.Table,
		}
		if services[e.Name] > 1 {
			c.field = title(pkg) + c.field
		}
		if plurals[e.Plural] > 1 {
			c.records = title(pkg) + c.records
		}
		clients = append(clients, c)
	}
	return clients
}
