// Package server emits what makes a proxy of its entities: proxy/main.go and
// proxy/server, which a test starts in process.
package server

import (
	"fmt"
	"path"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
)

// Dir returns the folder of the deployment's proxy.
func Dir(d *schema.Deployment) string { return path.Join("out", d.Name, "proxy") }

// EntityDir returns the folder of an entity's package below dir, that of a proxy
// or of a test kit.
func EntityDir(dir string, e *schema.Entity) string {
	return path.Join(dir, e.Dir)
}

// Emit returns main.go, server.go and the contract that the proxy embeds.
// backends has the backend of every namespace by its name; version is that of
// the compiler.
func Emit(d *schema.Deployment, backends map[string]*emit.Backend, contract []byte, version string) ([]emit.File, error) {
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
		{Path: path.Join(Dir(d), "server", "contract.txt"), Content: contract},
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

func serverFile(d *schema.Deployment, backends map[string]*emit.Backend, version string) ([]byte, error) {
	imports := golang.Imports{
		"runtime":    golang.Module + "/runtime",
		"migrations": path.Join(d.ImportPath, d.Dir, "migrations"),
	}
	packages := bind(d, Dir(d), backends, imports)
	f := golang.NewFile(path.Join(d.ImportPath, Dir(d), "server"), "server",
		fmt.Sprintf("Package server is deployment %s: its stores and the services bound to them.", d.Name), imports)
	f.Embed()
	f.Add(golang.Skew)
	open := ""
	if d.Open {
		open = "Open: true,\n"
	}
	f.Fill(`// contract has the descriptors of the contract.
//
//go:embed contract.txt
var contract []byte

// Deployment returns what the compiler decided about $name.
func Deployment() *@runtime.Deployment {
	return &@runtime.Deployment{
		Name:        "$name",
		Release:     $release,
		${open}		Generator:   "$version",
		Listen:      "$listen",
		Memory:      $memory << 20,
		Descriptors: contract,
		Namespaces: $namespaces,
	}
}`, golang.Holes{
		"name": d.Name, "release": d.Release, "open": open, "version": version, "listen": d.Listen, "memory": d.Memory().Value >> 20,
		"namespaces": namespaces(d, backends, packages),
	})
	return f.Bytes()
}
