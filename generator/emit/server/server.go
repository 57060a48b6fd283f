// Package server emits what makes a proxy of its entities: proxy/main.go and
// proxy/server, which a test starts in process.
package server

import (
	"fmt"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Dir returns the folder of the deployment's proxy.
func Dir(d *schema.Deployment) string { return path.Join("out", d.Name, "proxy") }

// EntityDir returns the folder of an entity's package.
func EntityDir(d *schema.Deployment, e *schema.Entity) string {
	return path.Join(Dir(d), strings.ReplaceAll(string(e.Desc.ParentFile().Package()), ".", "/"), e.GoPackage)
}

// Emit returns main.go, server.go and the contract that the proxy embeds.
// backends has the backend of every namespace by its name; version is that of
// the compiler.
func Emit(d *schema.Deployment, backends map[string]emit.Backend, contract []byte, version string) ([]emit.File, error) {
	main, err := mainFile(d)
	if err != nil {
		return nil, err
	}
	server, err := serverFile(d, backends, version)
	if err != nil {
		return nil, err
	}
	return []emit.File{
		{Path: path.Join(Dir(d), "main.go"), Content: main},
		{Path: path.Join(Dir(d), "server", "server.go"), Content: server},
		{Path: path.Join(Dir(d), "server", "contract.binpb"), Content: contract},
	}, nil
}

func mainFile(d *schema.Deployment) ([]byte, error) {
	f := golang.NewFile(path.Join(d.ImportPath, Dir(d)), "main",
		fmt.Sprintf("Command %s-proxy serves deployment %[1]s.", d.Name), golang.Imports{
			"os": "os", "runtime": golang.Module + "/runtime", "server": path.Join(d.ImportPath, Dir(d), "server"),
		})
	f.Add("func main() { @os.Exit(@runtime.Main(@server.Deployment(), @os.Args[1:])) }")
	return f.Bytes()
}

func serverFile(d *schema.Deployment, backends map[string]emit.Backend, version string) ([]byte, error) {
	imports := golang.Imports{
		"context": "context", "io": "io",
		"runtime": golang.Module + "/runtime", "migration": golang.Module + "/runtime/migration",
		"migrations": path.Join(d.ImportPath, d.Dir, "migrations"),
	}
	for _, n := range d.Namespaces {
		imports[n.Backend] = backends[n.Backend].ImportPath()
	}
	packages := map[*schema.Entity]string{}
	for _, e := range d.Entities() {
		name := e.GoPackage
		for imports[name] != "" {
			name += "entity"
		}
		packages[e] = name
		imports[name] = path.Join(d.ImportPath, EntityDir(d, e))
	}
	f := golang.NewFile(path.Join(d.ImportPath, Dir(d), "server"), "server",
		fmt.Sprintf("Package server is deployment %s: its stores and the services bound to them.", d.Name), imports)
	f.Embed()
	var b strings.Builder
	for _, n := range d.Namespaces {
		fmt.Fprintf(&b, "{Name: %q, Backend: %q", n.Name, n.Backend)
		if bound := n.InFlight(); bound.Value > 0 {
			fmt.Fprintf(&b, ", InFlight: %d", bound.Value)
		}
		fmt.Fprintf(&b, ", Open: open%s", title(n.GoName()))
		if migrates(d, n, backends) {
			fmt.Fprintf(&b, ", Migrate: migrate%s, Status: status%[1]s", title(n.GoName()))
		}
		b.WriteString("},\n")
	}
	f.Add(`// contract is the contract as an encoded FileDescriptorSet.
//
//go:embed contract.binpb
var contract []byte

// Deployment returns what the compiler decided about %[1]s.
func Deployment() *@runtime.Deployment {
	return &@runtime.Deployment{
		Name:        %[1]q,
		SchemaHash:  %[2]q,
		Release:     1,
		Generator:   %[3]q,
		Listen:      %[4]q,
		Descriptors: contract,
		Namespaces: []@runtime.Namespace{
			%[5]s},
	}
}`, d.Name, d.Hash, version, d.Listen, b.String())
	for _, n := range d.Namespaces {
		namespace(f, n, backends[n.Backend], migrates(d, n, backends), packages)
	}
	return f.Bytes()
}

func migrates(d *schema.Deployment, n *schema.Namespace, backends map[string]emit.Backend) bool {
	return backends[n.Backend].Migration(d, n, "") != ""
}

// namespace prints the settings of a store and the functions that open and
// migrate it.
func namespace(f *golang.File, n *schema.Namespace, backend emit.Backend, migrates bool, packages map[*schema.Entity]string) {
	var settings, services strings.Builder
	for _, s := range backend.Settings(n) {
		fmt.Fprintf(&settings, "%s: %s,\n", s.Field, s.Value)
	}
	if migrates {
		settings.WriteString("Migrations: @migrations.Files,\n")
	}
	for _, e := range n.Entities {
		fmt.Fprintf(&services, "@%s.NewService(db),\n", packages[e])
	}
	f.Add(`// %[1]sConfig is what the compiler decided about namespace %[2]s.
var %[1]sConfig = @%[3]s.Config{
	Namespace: %[2]q,
	%[4]s}

func open%[5]s(ctx @context.Context, env *@runtime.Env) (@io.Closer, []@runtime.Service, error) {
	db, err := @%[3]s.Open(ctx, env, %[1]sConfig)
	if err != nil {
		return nil, nil, err
	}
	return db, []@runtime.Service{
		%[6]s}, nil
}`, n.GoName(), n.Name, n.Backend, settings.String(), title(n.GoName()), services.String())
	if migrates {
		f.Add(`func migrate%[1]s(ctx @context.Context, env *@runtime.Env) ([]@migration.File, error) {
	return @%[2]s.Migrate(ctx, env, %[3]sConfig)
}

func status%[1]s(ctx @context.Context, env *@runtime.Env) ([]@migration.State, error) {
	return @%[2]s.Status(ctx, env, %[3]sConfig)
}`, title(n.GoName()), n.Backend, n.GoName())
	}
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
