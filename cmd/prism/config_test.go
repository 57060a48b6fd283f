package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator/schema"
)

func configSchemaFile(t *testing.T) string {
	text, err := jsonSchema()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// configPage is the reference of prism.yaml.
func configPage(*testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, made, "generator/schema/configkeys.go")
	b.WriteString("# prism.yaml\n\nA deployment is one `prism.yaml`: what is served, and from which stores. Whoever runs the proxy owns it; only the compiler reads it, and the compiler knows no other keys.\n\n" +
		"What differs between environments is a reference, which is followed when the proxy starts: `${env:NAME}`, `${env:NAME:-default}` or `${file:path}`. A password is never written here. In a URL, what a reference leads to is percent-encoded for its place. A whole number that is a reference needs a default.\n\n" +
		"`prism init` writes a JSON schema for editors, `" + configSchema + "`, which the first line of the file names.\n\n")
	table(&b, "", schema.ConfigFile())
	b.WriteString("A whole one:\n\n```yaml\n" + wholeConfig + "```\n")
	return b.String()
}

// table adds the keys of a mapping, and then those of the mappings in it.
func table(b *strings.Builder, path string, of *schema.ConfigEntry) {
	if path != "" {
		fmt.Fprintf(b, "## %s\n\n%s\n\n", strings.TrimSuffix(path, "."), of.Doc)
	}
	b.WriteString("| key | value | |\n| --- | --- | --- |\n")
	for _, k := range of.Keys {
		value := k.Kind.String()
		if k.Max > 0 {
			value += fmt.Sprintf(", %d to %d", k.Min, k.Max)
		}
		switch {
		case k.Required:
			value += "; required"
		case k.Default != "":
			value += "; unset: `" + k.Default + "`"
		}
		doc := k.Doc
		if k.Example != "" {
			doc += " Example: `" + k.Example + "`."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.Name, value, doc)
	}
	b.WriteString("\n")
	for _, k := range of.Keys {
		if len(k.Keys) > 0 {
			table(b, path+k.Name+".", k)
		}
	}
}

const wholeConfig = `# yaml-language-server: $schema=../prism/prism.schema.json
deployment: shop
import_path: example.com/acme
packages: [shop.v1]
listen: ${env:LISTEN:-127.0.0.1:8980}
memory: 256MiB
namespaces:
  - name: orders
    backend: postgres
    config:
      url: ${env:ORDERS_URL}
      connections: ${env:POOL:-16}
    limits: {in_flight: 200, rates: {GetOrder: 500}}
  - name: sessions
    backend: sqlite
    config: {synchronous: NORMAL}
test_kit: true
contract: {go: true}
root: proto
import_paths: [third_party]
go_packages: {vendor/geo.proto: example.com/geo}
`

// The editors' schema accepts what the compiler accepts, and refuses what the
// compiler refuses for its form alone.
func TestConfigSchema(t *testing.T) {
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(configSchemaFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("prism.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("prism.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, from, to string
		good           bool
	}{
		{"whole", "", "", true},
		{"a number", "${env:POOL:-16}", "16", true},
		{"a key with a slip", "listen:", "listn:", false},
		{"no deployment", "deployment: shop", "", false},
		{"a name that is none", "deployment: shop", "deployment: My-Shop", false},
		{"no list", "packages: [shop.v1]", "packages: shop.v1", false},
		{"a backend that is none", "backend: sqlite", "backend: sqlight", false},
		{"a setting of another backend", "synchronous: NORMAL", "url: x", false},
		{"a setting's value", "synchronous: NORMAL", "synchronous: SOMETIMES", false},
		{"a number out of range", "${env:POOL:-16}", "100000", false},
		{"a word for a flag", "test_kit: true", "test_kit: maybe", false},
		{"a number without a default", "${env:POOL:-16}", "${env:POOL}", false},
		{"a default that is no number", "${env:POOL:-16}", "${env:POOL:-many}", false},
		{"a number from a file", "${env:POOL:-16}", "${file:/run/pool}", false},
		{"a number in quotes", "${env:POOL:-16}", "'16'", true},
		{"a limit without a default", "in_flight: 200", "in_flight: '${env:CALLS}'", false},
		{"no namespaces", "namespaces:", "namespaces: []\nx:", false},
		{"a limit that is none", "in_flight: 200", "in_flight: -1", false},
		{"a size that is none", "memory: 256MiB", "memory: 256", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(wholeConfig, tt.from, tt.to, 1)
			var value any
			if err := yaml.NewDecoder(bytes.NewReader([]byte(text))).Decode(&value); err != nil {
				t.Fatal(err)
			}
			if err := compiled.Validate(value); (err == nil) != tt.good {
				t.Errorf("the schema says %v, want it taken: %t", err, tt.good)
			}
			if faults := configFaults(text); (len(faults) == 0) != tt.good {
				t.Errorf("the compiler says %v, want it taken: %t", faults, tt.good)
			}
		})
	}
}

// configFaults returns what the compiler finds wrong with prism.yaml, except
// for what the schema lacks, since there is none.
func configFaults(text string) []string {
	var stores []schema.Store
	for _, b := range backends.All() {
		stores = append(stores, b.Store)
	}
	_, faults := schema.Read(schema.Input{Config: []byte(text), ConfigPath: "prism.yaml", Stores: stores})
	var all []string
	for _, f := range faults {
		of := f.Number == schema.RuleNamespaceLimits && strings.Contains(f.What, "has no method")
		if !of && f.Number != schema.RuleDeploymentPackages && f.Number != schema.RuleNamespaceEmpty {
			all = append(all, f.String())
		}
	}
	return all
}
