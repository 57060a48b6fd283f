package schema

import (
	"io/fs"
	"path"
	"slices"

	"gopkg.in/yaml.v3"
)

// Sources returns the folders that imports of .proto files begin in, as the text
// of prism.yaml at config says, from the module's root: first that of the
// schema, then those of import_paths. Faults of the text are Read's to report.
func Sources(text []byte, config string) []string {
	var c struct {
		Root        string
		ImportPaths []string `yaml:"import_paths"`
	}
	_ = yaml.Unmarshal(text, &c)
	folders := []string{sourceRoot(path.Dir(config))}
	if c.Root != "" {
		folders[0] = c.Root
	}
	for _, p := range c.ImportPaths {
		if !slices.Contains(folders, p) {
			folders = append(folders, p)
		}
	}
	return folders
}

// ConfigSource returns where prism.yaml has a key, given with the keys above it; a
// namespace is given by its name: namespaces, orders, backend. If it does not have
// it, that is the place of the last of the keys that it has.
func (d *Deployment) ConfigSource(keys ...string) Source { return d.config.source(keys) }

// ConfigSource returns where the text of prism.yaml at file has a key, given with the
// keys above it, or an element of a list, given by its text. If it does not have it,
// that is the place of the last of them that it has.
func ConfigSource(text []byte, file string, keys ...string) Source {
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil || len(document.Content) == 0 {
		return Source{File: file}
	}
	return configText{file, document.Content[0]}.source(keys)
}

// configText is a prism.yaml that was read.
type configText struct {
	file string
	root *yaml.Node
}

func (c configText) source(keys []string) Source {
	at, node := Source{File: c.file}, c.root
	for _, name := range keys {
		var next *yaml.Node
		for i, n := range node.Content {
			switch {
			case node.Kind == yaml.MappingNode && i%2 == 0 && n.Value == name:
				next = node.Content[i+1]
				at = Source{File: c.file, Line: n.Line, Column: n.Column}
			case node.Kind == yaml.SequenceNode && (n.Value == name || child(n, "name") == name):
				next = n
				at = Source{File: c.file, Line: n.Line, Column: n.Column}
			}
		}
		if next == nil {
			break
		}
		node = next
	}
	if node.Kind == yaml.ScalarNode {
		at = Source{File: c.file, Line: node.Line, Column: node.Column}
	}
	return at
}

// child returns the text under a key of a mapping, or "".
func child(mapping *yaml.Node, key string) string {
	for i := 0; mapping.Kind == yaml.MappingNode && i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1].Value
		}
	}
	return ""
}

// sourceRoot returns the folder of the schema where prism.yaml, in dir, names
// none: the nearest one called schemas, dir or above it, or else dir.
func sourceRoot(dir string) string {
	for d := dir; d != "."; d = path.Dir(d) {
		if path.Base(d) == "schemas" {
			return d
		}
	}
	return dir
}

// folders checks root and import_paths, which the front end of the CLI reads:
// protoc and buf have such settings of their own.
func (c *configReader) folders(root *yaml.Node, keys map[string]*yaml.Node) {
	var nodes []*yaml.Node
	if keys["import_paths"] != nil {
		nodes = c.list(root, keys, "import_paths")
	}
	if keys["root"] != nil {
		nodes = append(nodes, keys["root"])
	}
	for _, n := range nodes {
		if p, ok := c.scalar(n, "the folder"); ok && !fs.ValidPath(p) {
			c.report(RulePathEscape, c.at(n), "write a path from the module's root, with slashes, without .. and without a slash at its ends", "the folder is %q", p)
		}
	}
}

// goPackages returns the Go packages of imported files, by the files' paths.
func (c *configReader) goPackages(node *yaml.Node) map[string]string {
	if node.Kind != yaml.MappingNode {
		c.report(RuleYAMLType, c.at(node), `write go_packages: {"google/type/money.proto": "example.com/money"}`, "go_packages is no mapping")
		return nil
	}
	packages := map[string]string{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if packages[key.Value] != "" {
			c.report(RuleYAMLKey, c.at(key), "remove one", "key %s is written twice", key.Value)
		}
		if text, ok := c.scalar(value, key.Value); ok {
			packages[key.Value] = text
			c.places.goPackages[key.Value] = c.at(value)
		}
	}
	return packages
}
