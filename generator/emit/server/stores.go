package server

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// bind adds to imports the backends of d and the packages of its entities,
// which stand below dir, and returns the names that the packages have there.
func bind(d *schema.Deployment, dir string, backends map[string]*emit.Backend, imports golang.Imports) map[*schema.Entity]string {
	for _, n := range d.Namespaces {
		imports[n.Backend] = backends[n.Backend].Runtime
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

// namespaces returns the value of runtime.Deployment's Namespaces: of each what
// the compiler decided about its store, and the services bound to it.
func namespaces(d *schema.Deployment, backends map[string]*emit.Backend, packages map[*schema.Entity]string) string {
	var b strings.Builder
	b.WriteString("[]@runtime.Namespace{\n")
	for _, n := range d.Namespaces {
		backend := backends[n.Backend]
		fmt.Fprintf(&b, "@%s.Backend.Bind(@runtime.Namespace{\nName: %q,\n", n.Backend, n.Name)
		if bound := n.InFlight(); bound.Value > 0 {
			fmt.Fprintf(&b, "InFlight: %d,\nInFlightOf: %q,\n", bound.Value, bound.Formula)
		}
		b.WriteString(limitsFrom(n))
		b.WriteString("Tables: []string{")
		for i, e := range n.Entities {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%q", e.Table)
		}
		b.WriteString("},\n")
		if backend.Dialect != nil {
			releases := strings.Join(strings.Fields(fmt.Sprint(n.Releases)), ", ")
			fmt.Fprintf(&b, "Migrations: @migrations.Files,\nReleases: []int{%s},\n", strings.Trim(releases, "[]"))
			if n.Folder != n.Name {
				fmt.Fprintf(&b, "Folder: %q,\n", n.Folder)
			}
		}
		fmt.Fprintf(&b, "}, @%s.Config{", n.Backend)
		if backend.Settings != nil {
			b.WriteString("\n")
			for _, s := range backend.Settings(n) {
				fmt.Fprintf(&b, "%s: %s,\n", s.Field, s.Value)
				if s.From.Reference != "" {
					fmt.Fprintf(&b, "%sFrom: @runtime.Number%s,\n", s.Field, number(s.From))
				}
			}
			b.WriteString(fills(n, packages))
		}
		b.WriteString("}")
		separator := ", "
		if len(n.Entities) > 1 {
			separator = ",\n"
		}
		for _, e := range n.Entities {
			fmt.Fprintf(&b, "%s@%s.NewService", separator, packages[e])
		}
		if len(n.Entities) > 1 {
			b.WriteString(",\n")
		}
		b.WriteString("),\n")
	}
	b.WriteString("}")
	return b.String()
}

// fills returns the field of a store's Config that has what migrations of the phase
// fill need.
func fills(n *schema.Namespace, packages map[*schema.Entity]string) string {
	var list []string
	for _, e := range n.Entities {
		if e.Fence > 0 {
			list = append(list, "&@"+packages[e]+".Fill")
		}
	}
	if list == nil {
		return ""
	}
	return fmt.Sprintf("Fills: []*@%s.Fill{%s},\n", n.Backend, strings.Join(list, ", "))
}

// limitsFrom returns the fields of a namespace whose limits are references.
func limitsFrom(n *schema.Namespace) string {
	var b strings.Builder
	if n.Limits.InFlight.Reference != "" {
		fmt.Fprintf(&b, "InFlightFrom: @runtime.Number%s,\n", number(n.Limits.InFlight))
	}
	var rates []string
	for _, method := range slices.Sorted(maps.Keys(n.Limits.Rates)) {
		if rate := n.Limits.Rates[method]; rate.Reference != "" {
			rates = append(rates, fmt.Sprintf("%q: %s,\n", method, number(rate)))
		}
	}
	if rates != nil {
		fmt.Fprintf(&b, "RatesFrom: map[string]@runtime.Number{\n%s},\n", strings.Join(rates, ""))
	}
	return b.String()
}

func number(n schema.Number) string {
	return fmt.Sprintf("{Reference: %q, Min: %d, Max: %d}", n.Reference, n.Min, n.Max)
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
