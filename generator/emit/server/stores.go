package server

import (
	"fmt"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// bind adds to imports the backends of d and the packages of its entities,
// which stand below dir, and returns the names that the packages have there.
func bind(d *schema.Deployment, dir string, backends map[string]emit.Backend, imports golang.Imports) map[*schema.Entity]string {
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
		imports[name] = path.Join(d.ImportPath, EntityDir(dir, e))
	}
	return packages
}

// namespaces returns the value of runtime.Deployment's Namespaces.
func namespaces(d *schema.Deployment, backends map[string]emit.Backend) string {
	var b strings.Builder
	b.WriteString("[]@runtime.Namespace{\n")
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
	b.WriteString("}")
	return b.String()
}

// stores prints the settings of every store and the functions that open and
// migrate it.
func stores(f *golang.File, d *schema.Deployment, backends map[string]emit.Backend, packages map[*schema.Entity]string) {
	for _, n := range d.Namespaces {
		namespace(f, n, backends[n.Backend], migrates(d, n, backends), packages)
	}
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
