package schema

import "fmt"

// ConfigEntry is a key of prism.yaml. The reader knows no other keys, and the
// reference and the schema for editors are made from the same list.
type ConfigEntry struct {
	Name     string
	Kind     ConfigKind
	Required bool
	Default  string // what it is where it is not written; "": what Doc says
	Doc      string
	Example  string         // of the key's value, as YAML
	Pattern  string         // what a text matches; "": any
	Min, Max int            // of a number
	Keys     []*ConfigEntry // of a mapping, or of each element of a list of mappings
}

// ConfigKind is what a key of prism.yaml holds.
type ConfigKind int

// The kinds of values.
const (
	ConfigText     ConfigKind = iota
	ConfigTexts               // a list of texts, at least one
	ConfigBool                // true or false
	ConfigNumber              // a whole number, or one reference with a default
	ConfigMapping             // Keys
	ConfigMappings            // a list of mappings, at least one
	ConfigTextOf              // texts under keys of the user's
	ConfigNumberOf            // numbers under keys of the user's
	ConfigSettings            // those of the backend
)

// String is the kind in words.
func (k ConfigKind) String() string {
	return [...]string{
		"text", "list of texts", "true or false", "whole number, or a reference with a default", "mapping", "list of mappings",
		"mapping of texts", "mapping of whole numbers, or of references with a default", "settings of the backend",
	}[k]
}

var configFile = &ConfigEntry{Kind: ConfigMapping, Keys: []*ConfigEntry{
	{
		Name: "deployment", Required: true, Pattern: deploymentName.String(), Example: "shop",
		Doc: "The deployment's name, which its proxy, its folder in `out`, and the lock have. It does not change.",
	},
	{
		Name: "import_path", Required: true, Pattern: importPathShape.String(), Example: "example.com/acme",
		Doc: "The path of the Go module, as go.mod has it.",
	},
	{
		Name: "packages", Kind: ConfigTexts, Required: true, Pattern: packageName.String(), Example: "[shop.v1]",
		Doc: "The proto packages whose entities the proxy serves.",
	},
	{
		Name: "listen", Default: DefaultListen, Example: "unix:/run/shop.sock",
		Doc: "Where the proxy listens: an address of this machine, or `unix:` and the path of a socket. It may be a reference with a default, such as `${env:LISTEN:-127.0.0.1:8980}`.",
	},
	{
		Name: "memory", Pattern: memorySize.String(), Example: "256MiB",
		Doc: "How much memory connections and calls may hold together, 64MiB to 1024GiB. Unset: derived from the declared capacity; plan.md has the formula.",
	},
	{
		Name: "namespaces", Kind: ConfigMappings, Required: true, Keys: namespaceKeys,
		Doc: "The namespaces that entities name, each with its store.",
	},
	{
		Name: "drop_tables", Kind: ConfigTexts, Example: "[shop.v1.Cart]",
		Doc: "Entities that a released schema had and this one does not, whose tables `migrate complete --contract` drops with all records. They stand here until the release after.",
	},
	{
		Name: "test_kit", Kind: ConfigBool, Default: "true",
		Doc: "Whether `out/<deployment>/<deployment>test` is generated, the proxy in the process of a test.",
	},
	{
		Name: "contract", Kind: ConfigMapping, Keys: contractKeys,
		Doc: "What of the contract is generated besides its .proto files.",
	},
	{
		Name: "root", Default: "schemas", Example: "proto",
		Doc: "The folder in which imports of the schema's .proto files begin, from the module's root. Several deployments may have the same.",
	},
	{
		Name: "import_paths", Kind: ConfigTexts, Example: "[third_party]",
		Doc: "Further folders in which imports begin, from the module's root. The well-known types, `prism/v1/options.proto`, and google/api, google/rpc and google/type come with the compiler.",
	},
	{
		Name: "go_packages", Kind: ConfigTextOf, Example: "{vendor/geo.proto: example.com/geo}",
		Doc: "The Go packages of imported files, by path, as protoc's M flags give them: for files without a `go_package`, or with one that is not to be used.",
	},
}}

var namespaceKeys = []*ConfigEntry{
	{
		Name: "name", Required: true, Pattern: namespaceName.String(), Example: "orders",
		Doc: fmt.Sprintf("The namespace's name, at most %d bytes. Its store's records go with it: see [moving](moving.md).", maxName),
	},
	{
		Name: "backend", Required: true, Example: "sqlite",
		Doc: "Which store it is on: [backends](backends.md).",
	},
	{
		Name: "moved_from", Example: "sqlite",
		Doc: "The backend that the namespace was on at the last release: it begins anew on this one, and its records do not move. It stands here until the release after.",
	},
	{
		Name: "config", Kind: ConfigSettings, Example: "{synchronous: NORMAL}",
		Doc: "Settings of the backend. [Backends](backends.md) lists them.",
	},
	{
		Name: "limits", Kind: ConfigMapping, Keys: limitKeys,
		Doc: "Limits in the place of those that are derived from the declared capacity.",
	},
}

var limitKeys = []*ConfigEntry{
	{
		Name: "in_flight", Kind: ConfigNumber, Min: 1, Max: maxLimit, Example: "200",
		Doc: "How many calls of the namespace are served at the same time, at most.",
	},
	{
		Name: "rates", Kind: ConfigNumberOf, Min: 1, Max: maxLimit, Example: "{GetOrder: 500}",
		Doc: "How many calls of a method are begun in a second, at most, by the method's name.",
	},
}

var contractKeys = []*ConfigEntry{{
	Name: "go", Kind: ConfigBool, Default: "true",
	Doc: "Whether the contract's Go messages and clients are generated. `false`: other tools make them, and there is no test kit.",
}}

// ConfigFile returns the register of prism.yaml's keys: a mapping. It is for reading
// only.
func ConfigFile() *ConfigEntry { return configFile }

// names returns the legal keys of a mapping.
func names(keys []*ConfigEntry) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.Name
	}
	return all
}
