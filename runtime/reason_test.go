package runtime

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"google.golang.org/grpc/codes"
)

// Every reason has a row in the table, and every row belongs to a reason.
func TestReasonsAreComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[Reason]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Reason" {
				text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared[Reason(text)] = true
			}
		}
		return true
	})
	if len(declared) != len(reasons) {
		t.Errorf("%d reasons are declared and %d are in the table", len(declared), len(reasons))
	}
	for r := range declared {
		row, ok := reasons[r]
		if !ok || row.code == codes.OK || row.todo == "" {
			t.Errorf("%s has no row with a code and what to do", r)
		}
		if r.Code() == codes.Unauthenticated {
			t.Errorf("%s would be read as a fault of the caller's credentials", r)
		}
	}
}
