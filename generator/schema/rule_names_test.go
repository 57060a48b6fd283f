package schema_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// A rule is raised by its name, which is its slug, so that who reads the code
// need not look the number up; and every name is that of a rule.
func TestRulesAreNamed(t *testing.T) {
	names := map[string]bool{}
	initials := map[string]string{"json": "JSON", "pii": "PII", "yaml": "YAML"}
	for _, r := range schema.Rules() {
		name := "Rule"
		for word := range strings.FieldsFuncSeq(r.Slug, func(c rune) bool { return c == '.' || c == '_' }) {
			if initial, ok := initials[word]; ok {
				name += initial
			} else {
				name += strings.ToUpper(word[:1]) + word[1:]
			}
		}
		names[name] = true
	}
	raised := map[string]bool{}
	root := os.DirFS("../..")
	for _, dir := range []string{"generator", "cmd/prism", "protoc-gen-prism"} {
		err := fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if len(n.Args) > 0 && isRaise(n.Fun) {
						if number, ok := n.Args[0].(*ast.BasicLit); ok && number.Kind == token.INT {
							t.Errorf("%s: rule %s is raised by its number; write its name", set.Position(n.Pos()), number.Value)
						}
					}
				case *ast.Ident:
					if names[n.Name] && name != "generator/schema/rules.go" {
						raised[n.Name] = true
					}
				case *ast.ValueSpec:
					for _, c := range n.Names {
						if name == "generator/schema/rules.go" && strings.HasPrefix(c.Name, "Rule") && !names[c.Name] {
							t.Errorf("%s: %s is the slug of no rule", set.Position(n.Pos()), c.Name)
						}
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range names {
		if !raised[name] {
			t.Errorf("%s is raised nowhere", name)
		}
	}
}

// isRaise reports whether a function takes a rule's number first.
func isRaise(f ast.Expr) bool {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name == "NewDiagnostic"
	case *ast.SelectorExpr:
		return f.Sel.Name == "NewDiagnostic" || f.Sel.Name == "report"
	}
	return false
}
