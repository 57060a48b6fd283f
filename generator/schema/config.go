package schema

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// DefaultListen is the data listener when prism.yaml names none.
const DefaultListen = "127.0.0.1:8980"

var (
	deploymentName  = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	namespaceName   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	packageName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	importPathShape = regexp.MustCompile(`^[A-Za-z0-9_~][A-Za-z0-9_.~-]*(/[A-Za-z0-9_~][A-Za-z0-9_.~-]*)*$`)
)

// Packages returns the proto packages that the text of prism.yaml names, for a
// front end to find. Faults of the text are Read's to report.
func Packages(config []byte) []string {
	var c struct{ Packages []string }
	if yaml.Unmarshal(config, &c) != nil {
		return nil
	}
	return c.Packages
}

// Name returns the deployment's name in the text of prism.yaml. Faults of the
// text are Read's to report.
func Name(config []byte) string {
	var c struct{ Deployment string }
	if yaml.Unmarshal(config, &c) != nil {
		return ""
	}
	return c.Deployment
}

// IsImportPath reports whether a module of a deployment may have the path.
func IsImportPath(s string) bool { return importPathShape.MatchString(s) }

// Listen returns the address that the text of prism.yaml names, which may be a
// reference, or DefaultListen.
func Listen(config []byte) string {
	var c struct{ Listen string }
	if yaml.Unmarshal(config, &c) != nil || c.Listen == "" {
		return DefaultListen
	}
	return c.Listen
}

// configPlaces remembers where prism.yaml says what files must bear out.
type configPlaces struct {
	file                 string // prism.yaml itself
	unnamed              bool   // prism.yaml may mean namespaces that are not in namespaces: a fault says so
	packages, namespaces map[string]Source
	rates                map[*Namespace]map[string]Source // by method
	goPackages           map[string]Source                // by the path of the file
	meant                map[string]bool                  // namespaces that an entity names with a slip of the pen
}

// configReader reads one prism.yaml, of which only the keys it asks for are
// legal.
type configReader struct{ *reader }

// deployment reads prism.yaml. What is faulty in it stays zero.
func (r *reader) deployment(in Input) *Deployment {
	c := &configReader{r}
	r.places = configPlaces{file: in.ConfigPath, unnamed: true, packages: map[string]Source{}, namespaces: map[string]Source{}, rates: map[*Namespace]map[string]Source{}, goPackages: map[string]Source{}, meant: map[string]bool{}}
	d := &Deployment{Dir: path.Dir(in.ConfigPath), Listen: DefaultListen, TestKit: true, Release: 1, Open: true}
	root := c.document(in.Config)
	if root == nil {
		return d
	}
	d.config = configText{in.ConfigPath, root}
	keys := c.mapping(root, configFile.Keys)
	if keys == nil {
		return d
	}
	d.Name = c.text(root, keys, "deployment")
	if at := keys["deployment"]; d.Name != "" && (!deploymentName.MatchString(d.Name) || d.Name == "contract" || goFolders[d.Name]) {
		c.report(RuleDeploymentName, c.at(at), "write a name such as shop", "deployment is %q", d.Name)
	}
	d.ImportPath = c.text(root, keys, "import_path")
	switch at := keys["import_path"]; {
	case d.ImportPath == "":
	case !IsImportPath(d.ImportPath):
		c.report(RuleDeploymentImportPath, c.at(at), "write the module's path as go.mod has it", "import_path is %q", d.ImportPath)
		d.ImportPath = ""
	case in.Module != "" && in.Module != d.ImportPath:
		c.report(RuleDeploymentImportPath, c.at(at), "write "+in.Module, "import_path is %q, but go.mod says %q", d.ImportPath, in.Module)
	}
	d.Packages = c.packages(root, keys)
	if keys["drop_tables"] != nil {
		for _, node := range c.list(root, keys, "drop_tables") {
			if name, ok := c.scalar(node, "an entity"); ok {
				d.DropTables = append(d.DropTables, name)
			}
		}
	}
	if keys["listen"] != nil {
		d.Listen = c.listen(root, keys)
	}
	if node := keys["memory"]; node != nil {
		d.MemorySet = c.memory(node)
	}
	if node := keys["test_kit"]; node != nil {
		if node.Tag != "!!bool" || node.Decode(&d.TestKit) != nil {
			c.report(RuleYAMLType, c.at(node), "write true or false", "test_kit is %q", node.Value)
		}
	}
	if node := keys["contract"]; node != nil {
		c.contract(d, node, keys["test_kit"])
	}
	if node := keys["go_packages"]; node != nil {
		d.GoPackages = c.goPackages(node)
	}
	c.folders(root, keys)
	nodes := c.list(root, keys, "namespaces")
	c.places.unnamed = len(nodes) == 0
	for _, node := range nodes {
		if n := c.namespace(node); n != nil {
			d.Namespaces = append(d.Namespaces, n)
		}
	}
	slices.SortFunc(d.Namespaces, func(a, b *Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return d
}

func (c *configReader) packages(root *yaml.Node, keys map[string]*yaml.Node) []string {
	var packages []string
	for _, node := range c.list(root, keys, "packages") {
		name, ok := c.scalar(node, "a package")
		switch {
		case !ok:
		case !packageName.MatchString(name):
			c.report(RuleDeploymentPackages, c.at(node), "write a proto package such as shop.v1", "%q is not the name of a proto package", name)
		case slices.Contains(packages, name):
			c.report(RuleDeploymentPackages, c.at(node), "remove one", "package %s is named twice", name)
		default:
			packages = append(packages, name)
			c.places.packages[name] = c.at(node)
		}
	}
	slices.Sort(packages)
	return packages
}

// listen checks that the address is of this machine only: the proxy has no
// authentication. Of a reference that is checked of its default.
func (c *configReader) listen(root *yaml.Node, keys map[string]*yaml.Node) string {
	listen := c.text(root, keys, "listen")
	if listen == "" {
		return ""
	}
	at, fix := c.at(keys["listen"]), "write "+DefaultListen+" or unix:/run/name.sock"
	address, what := reference.ReplaceAllString(listen, "$3"), ""
	switch {
	case strings.Contains(address, "${"):
		what = "a reference in listen is malformed"
	case address != listen && reference.FindString(listen) != listen:
		what = "listen has text beside a reference"
	case address == "":
		what = "listen is a reference without a default"
	}
	if what != "" {
		c.report(RuleDeploymentListen, at, "write ${env:NAME:-"+DefaultListen+"}", "%s", what)
		return listen
	}
	if file, ok := strings.CutPrefix(address, "unix:"); ok {
		if !path.IsAbs(file) || len(file) > maxSocketPath {
			c.report(RuleDeploymentListen, at, fix, "listen is %q", address)
		}
		return listen
	}
	parsed, err := netip.ParseAddrPort(strings.Replace(address, "localhost:", "127.0.0.1:", 1))
	if err != nil {
		c.report(RuleDeploymentListen, at, fix, "listen is %q", address)
	} else if !parsed.Addr().IsLoopback() {
		c.report(RuleDeploymentListen, at, fix, "%s can be reached from other machines", address)
	}
	return listen
}

// maxSocketPath is what every system has room for in the name of a socket: see
// unix(7), and 104 bytes with the last NUL on others than Linux.
const maxSocketPath = 103

func (c *configReader) namespace(node *yaml.Node) *Namespace {
	keys := c.mapping(node, namespaceKeys)
	if keys == nil {
		c.places.unnamed = true
		return nil
	}
	n := &Namespace{Name: c.text(node, keys, "name"), Backend: c.text(node, keys, "backend")}
	switch {
	case n.Name == "":
		c.places.unnamed = true
	case !namespaceName.MatchString(n.Name) || len(n.Name) > maxName:
		c.report(RuleNamespaceName, c.at(keys["name"]), "write a name such as user-profiles", "namespace is %q", n.Name)
		c.places.unnamed = true
	case c.reader.namespaces[n.Name] != nil:
		c.report(RuleNamespaceTwice, c.at(keys["name"]), "remove one", "namespace %q is declared twice", n.Name)
	default:
		c.reader.namespaces[n.Name] = n
		c.places.namespaces[n.Name] = c.at(keys["name"])
	}
	i := slices.IndexFunc(c.stores, func(s Store) bool { return s.Name == n.Backend })
	if n.Backend != "" && i < 0 {
		c.unknownBackend(keys["backend"], n.Backend)
	}
	if i >= 0 {
		n.Config = c.settings(node, keys["config"], c.stores[i])
	}
	if keys["moved_from"] != nil {
		n.MovedFrom = c.text(node, keys, "moved_from")
	}
	if keys["limits"] != nil {
		c.limits(n, keys["limits"])
	}
	return n
}

func (c *configReader) unknownBackend(at *yaml.Node, name string) {
	var names []string
	for _, b := range c.stores {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	c.report(RuleBackendUnknown, c.at(at), oneOf(name, names), "backend %q is unknown", name)
}

// document returns the root of the one document that text holds.
func (c *configReader) document(text []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		c.report(RuleYAMLMissing, Source{File: c.places.file}, "write deployment, import_path, packages and namespaces", "the file is empty")
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			c.report(RuleYAMLSyntax, c.at(second.Content[0]), "remove it", "a second document begins")
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		c.syntax(text, err)
		return nil
	}
	return document.Content[0]
}

// contract reads how much of the contract is generated. kit is the value of
// test_kit, nil where it is not written: the kit has the clients of the contract.
func (c *configReader) contract(d *Deployment, node, kit *yaml.Node) {
	goCode := true
	if keys := c.mapping(node, contractKeys); keys["go"] != nil {
		if at := keys["go"]; at.Tag != "!!bool" || at.Decode(&goCode) != nil {
			c.report(RuleYAMLType, c.at(at), "write true or false", "go is %q", at.Value)
		}
	}
	if goCode {
		return
	}
	if kit != nil && d.TestKit {
		c.report(RuleYAMLType, c.at(kit), "remove it, or remove go: false", "test_kit is true, and the contract has no Go code, whose clients the kit hands out")
	}
	d.WithoutGo, d.TestKit = true, false
}

// mapping returns the values of a mapping's keys, nil if node is none. A key
// that is not among the legal ones is a fault.
func (c *configReader) mapping(node *yaml.Node, entries []*ConfigEntry) map[string]*yaml.Node {
	legal := names(entries)
	if node.Kind != yaml.MappingNode {
		c.report(RuleYAMLType, c.at(node), "write "+strings.Join(legal, ", ")+", each with its value", "keys are missing here")
		return nil
	}
	return c.keys(node, legal, func(key *yaml.Node) {
		c.report(RuleYAMLKey, c.at(key), oneOf(key.Value, legal), "key %q is unknown", key.Value)
	})
}

// keys returns the values of the legal keys of a mapping. One that is not legal is
// reported by unknown; it stands for the legal one that it is a slip of the pen for,
// which is then not missing.
func (c *configReader) keys(node *yaml.Node, legal []string, unknown func(key *yaml.Node)) map[string]*yaml.Node {
	keys, meant := map[string]*yaml.Node{}, map[string]*yaml.Node{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case !slices.Contains(legal, key.Value):
			unknown(key)
			meant[Nearest(key.Value, legal)] = value
		case keys[key.Value] != nil:
			c.report(RuleYAMLKey, c.at(key), "remove one", "key %s is written twice", key.Value)
		default:
			keys[key.Value] = value
		}
	}
	for key, value := range meant {
		if key != "" && keys[key] == nil {
			keys[key] = value
		}
	}
	return keys
}

// text returns the text of a key that parent must have.
func (c *configReader) text(parent *yaml.Node, keys map[string]*yaml.Node, key string) string {
	node := keys[key]
	if node == nil {
		c.report(RuleYAMLMissing, c.at(parent), "write "+key+": …", "%s is missing", key)
		return ""
	}
	text, _ := c.scalar(node, key)
	return text
}

func (c *configReader) scalar(node *yaml.Node, what string) (string, bool) {
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.Value == "" {
		c.report(RuleYAMLType, c.at(node), "write one value", "%s is not a string", what)
		return "", false
	}
	return node.Value, true
}

func (c *configReader) list(parent *yaml.Node, keys map[string]*yaml.Node, key string) []*yaml.Node {
	node := keys[key]
	switch {
	case node == nil || node.Kind == yaml.SequenceNode && len(node.Content) == 0:
		c.report(RuleYAMLMissing, c.at(cmp.Or(node, parent)), "write at least one", "%s is missing", key)
		return nil
	case node.Kind == yaml.MappingNode:
		c.report(RuleYAMLType, c.at(node), "write a list, each element behind a dash", "%s is not a list", key)
		return nil
	case node.Kind != yaml.SequenceNode:
		c.report(RuleYAMLType, c.at(node), "write a list", "%s is not a list", key)
		return nil
	}
	return node.Content
}

func (c *configReader) at(node *yaml.Node) Source {
	return Source{File: c.places.file, Line: node.Line, Column: node.Column}
}
