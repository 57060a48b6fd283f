package main

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/wellknownimports"
	"github.com/spf13/cobra"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// scaffold holds what init writes, with {{name}} and {{dir}} for the
// deployment's name and folder, and {{module}} for the module's path.
//
//go:embed scaffold
var scaffold embed.FS

func newInit() *cobra.Command {
	var module, name, replace string
	cmd := &cobra.Command{
		Use:   "init [dir]",
		Short: "Begin a schema, in an empty folder or in a Go module",
		Long: `Init sets up a folder, which is the root of a Go module or becomes one. It writes
a schema with one entity, its prism.yaml with a JSON schema for editors, the
options that it imports, the reasons of errors, a Makefile, and what buf and
protoc need. It adds Prism to go.mod, as a tool and as a library, with the
versions of everything it needs; existing requirements stay as they are.

If the module has a prism.yaml, init keeps it and adds no other schema. If it has
.proto files of its own, init adds neither a schema nor tools for one, and says how
to go on with those; --name asks for the schema nevertheless. Init overwrites no
file but the copies of Prism's own, wherever in the module they are; it lists the
ones that it keeps, and what to add to them. Beside a buf.yaml it writes none of
its own, and prints the modules to add. A third_party stays as it is.`,
		Example: `  prism init --module example.com/notes notes
  prism init                    # in a module, or to create one named after the folder
  prism init --replace ../prism # use Prism from a checkout`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
	}
	cmd.Flags().StringVar(&module, "module", "", "path of the Go module, if there is none yet; unset: example.com/<folder>")
	cmd.Flags().StringVar(&name, "name", "", "name of the deployment; unset: the last part of the module's path")
	cmd.Flags().StringVar(&replace, "replace", "", "checkout of Prism to use instead of a release")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if module != "" && !schema.IsImportPath(module) {
			return fmt.Errorf("--module is %q; write an import path such as example.com/notes", module)
		}
		if mod, _ := os.ReadFile(filepath.Join(replace, "go.mod")); replace != "" && !strings.HasPrefix(string(mod), "module "+modulePath+"\n") {
			return fmt.Errorf("--replace is %q, which is not a checkout of %s", replace, modulePath)
		}
		if name != "" && !legalName(name) {
			return fmt.Errorf("--name is %q; write [a-z][a-z0-9]*, and none of %s", name, strings.Join(takenNames, ", "))
		}
		return nil
	}
	cmd.RunE = run(func(cmd *cobra.Command, args []string) error {
		dir := "."
		if len(args) == 1 {
			dir = args[0]
		}
		s, err := newStart(dir, module, name)
		if err != nil {
			return err
		}
		if err := s.goOn(name); err != nil {
			return err
		}
		if err := s.look(name); err != nil {
			return err
		}
		if replace != "" {
			if s.replace, err = s.replacement(replace); err != nil {
				return err
			}
		}
		if err := s.write(cmd.OutOrStdout()); err != nil {
			return err
		}
		if err := s.requirements(cmd); err != nil {
			return err
		}
		return s.next(cmd.OutOrStdout(), dir)
	})
	return cmd
}

// start is the beginning of a schema.
type start struct {
	root    string // the module's folder
	module  string // its path
	name    string // of the deployment
	replace string // the folder of a checkout of Prism, as go.mod names it, or ""
	fresh   bool   // there was no go.mod
	kept    map[string]bool
	dir     string // the deployment's folder, relative to root, with slashes
	buf     string // the text of the buf.yaml beside go.mod, or ""
	options string // where the import of a copy of options.proto begins
	own     string // where the imports of the user's .proto files begin, who has no deployment yet; or ""
}

// newStart creates the folder if it is missing and inspects what is there.
func newStart(dir, module, name string) (*start, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	s := &start{root: root, module: module, kept: map[string]bool{}}
	buf, err := os.ReadFile(filepath.Join(root, "buf.yaml"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.buf = string(buf)
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if above, err := moduleRoot(root); err == nil {
			return nil, fmt.Errorf("%s is in the Go module of %s; begin the schema there, or in a folder outside", root, above)
		}
		s.fresh = true
		s.module = cmp.Or(module, "example.com/"+deploymentName(filepath.ToSlash(root)))
	case err != nil:
		return nil, err
	default:
		if s.module = generator.ModulePath(text); s.module == "" {
			return nil, fmt.Errorf("%s names no module", filepath.Join(root, "go.mod"))
		}
		if module != "" && module != s.module {
			return nil, fmt.Errorf("--module is %s, and go.mod says %s", module, s.module)
		}
	}
	s.name = cmp.Or(name, deploymentName(s.module))
	s.dir = "schemas/" + s.name
	return s, nil
}

// goOn makes s continue a deployment of the module's, the one of that name or the
// first. If the lock of schemas itself is there without prism.yaml, prism.yaml was
// lost, and nothing is started beside it.
func (s *start) goOn(name string) error {
	if found, err := s.found(name); found || err != nil {
		return err
	}
	const config = "schemas/prism.yaml"
	text, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(config)))
	if errors.Is(err, fs.ErrNotExist) {
		lock := history.LockPath("schemas")
		if _, err := os.Stat(filepath.Join(s.root, filepath.FromSlash(lock))); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("%s is there, and the %s that it was made with is gone; restore it from version control", lock, config)
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("--name is %s, and the deployment in %s is %s; leave --name out", name, filepath.Join(s.root, "schemas"), schema.Name(text))
}

// found looks for the first prism.yaml of that name, or of any if name is "".
func (s *start) found(name string) (found bool, err error) {
	module := os.DirFS(s.root)
	err = walkModule(module, ".", func(p string) error {
		if path.Base(p) != "prism.yaml" {
			return nil
		}
		text, err := fs.ReadFile(module, p)
		own := schema.Name(text)
		if err != nil || name != "" && name != own {
			return err
		}
		found, s.name, s.dir = true, cmp.Or(own, s.name), path.Dir(p)
		return fs.SkipAll
	})
	return found, err
}

// look finds what there is of .proto files: copies of Prism's own, and, if there is
// no deployment yet and name asks for none, the user's.
func (s *start) look(name string) error {
	module := os.DirFS(s.root)
	s.options = "schemas"
	if _, err := fs.Stat(module, path.Join(s.options, prismv1.Path)); errors.Is(err, fs.ErrNotExist) {
		err := walkModule(module, ".", func(p string) error {
			if above, ok := strings.CutSuffix(p, "/"+prismv1.Path); ok {
				s.options = above
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, err := fs.Stat(module, s.config()); err == nil || name != "" {
		return err
	}
	packages, err := protos(module, ".")
	if err != nil || len(packages) == 0 {
		return err
	}
	if roots := importRoots(packages); len(roots) > 0 {
		s.own = roots[0]
	} else {
		s.own = path.Dir(slices.Sorted(maps.Keys(packages))[0])
	}
	s.dir = s.own
	return nil
}

// config and sample are the paths of prism.yaml and of the schema that it
// serves.
func (s *start) config() string { return s.dir + "/prism.yaml" }
func (s *start) sample() string { return s.dir + "/v1/note.proto" }

// inSchemas reports whether the deployment is where the scaffold's Makefile and
// files of buf expect it. A team with a place of its own has its own of those.
func (s *start) inSchemas() bool { return s.dir == "schemas" || strings.HasPrefix(s.dir, "schemas/") }

// hasSchema reports whether the user has a schema, with a prism.yaml that was
// kept.
func (s *start) hasSchema() bool { return s.kept[s.config()] }

// write writes the missing files. If the user has a deployment, it writes no
// sample, since nothing would serve it.
func (s *start) write(out io.Writer) error {
	config, err := jsonSchema()
	if err != nil {
		return err
	}
	prisms := map[string][]byte{
		path.Join(s.options, prismv1.Path): []byte(prismv1.Source), path.Join(s.options, prismv1.ReasonPath): []byte(prismv1.ReasonSource),
		configSchema: config,
	}
	files := maps.Clone(prisms)
	if _, err := os.Stat(filepath.Join(s.root, "third_party")); err == nil {
		s.kept["third_party"] = true
	} else if s.inSchemas() {
		for _, name := range protobufFiles {
			text, err := wellKnown(name)
			if err != nil {
				return err
			}
			files["third_party/"+name] = text
		}
	}
	err = fs.WalkDir(scaffold, "scaffold", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := scaffold.ReadFile(name)
		place := strings.TrimPrefix(name, "scaffold/")
		switch {
		case place == "gosum", place == "gomod" && !s.fresh, s.buf != "" && (place == "buf.work.yaml" || place == "schemas/buf.yaml"):
			return err
		case renamed[place] != "":
			place = renamed[place]
		}
		ofDeployment := strings.HasPrefix(place, "schemas/deployment/")
		_, missing := os.Stat(filepath.Join(s.root, filepath.FromSlash(place)))
		if ofDeployment && s.own != "" || !ofDeployment && missing != nil && !s.inSchemas() && !slices.Contains(always, place) {
			return err
		}
		place = strings.Replace(place, "schemas/deployment/", s.dir+"/", 1)
		files[place] = []byte(s.fill(string(text)))
		return err
	})
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(s.root)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == s.sample() && s.hasSchema() {
			continue
		}
		if err := s.create(root, name, files[name], prisms[name] != nil, out); err != nil {
			return err
		}
	}
	return nil
}

// always are the files that init writes wherever the schema is.
var always = []string{".gitattributes", ".gitignore", "go.mod"}

// renamed are files of the scaffold under names that go:embed accepts: it skips
// those that begin with a dot, and modules.
var renamed = map[string]string{"gitignore": ".gitignore", "gitattributes": ".gitattributes", "gomod": "go.mod",
	// No command shall take it for a deployment.
	"schemas/deployment/prismyaml": "schemas/deployment/prism.yaml"}

func (s *start) fill(text string) string {
	return strings.NewReplacer("{{name}}", s.name, "{{module}}", s.module, "{{dir}}", s.dir, "{{version}}", s.version()).Replace(text)
}

// replacement returns the checkout at dir as go.mod names it: relative to the
// module's root if dir is relative.
func (s *start) replacement(dir string) (string, error) {
	full, err := filepath.Abs(dir)
	if err != nil || filepath.IsAbs(dir) {
		return full, err
	}
	root, err := filepath.EvalSymlinks(s.root)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(root, full)
	if !strings.HasPrefix(rel, "..") { // go.mod would take other words for a module
		rel = "./" + rel
	}
	return filepath.ToSlash(rel), err
}

// create writes a file, or says that it exists. One of Prism's own is renewed.
func (s *start) create(root *os.Root, name string, text []byte, prisms bool, out io.Writer) error {
	if before, err := root.ReadFile(name); err == nil && prisms && !sameText(before, text) {
		fmt.Fprintf(out, "renewed %s\n", name)
		return root.WriteFile(name, text, 0o644)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		s.kept[name] = true
		fmt.Fprintf(out, "kept %s\n", name)
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	fmt.Fprintf(out, "wrote %s\n", name)
	return errors.Join(err, f.Close())
}

// protobufFiles are for protoc: before version 22, its descriptor.proto lacks
// things that options.proto uses, and the others come in a separate package
// that a machine may lack.
var protobufFiles = []string{
	"google/protobuf/descriptor.proto", "google/protobuf/duration.proto", "google/protobuf/timestamp.proto",
}

// wellKnown returns the text of one of protobuf's own files.
func wellKnown(name string) ([]byte, error) {
	none := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, fs.ErrNotExist
	})
	found, err := wellknownimports.WithStandardImports(none).FindFileByPath(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(found.Source)
	return b.Bytes(), err
}
