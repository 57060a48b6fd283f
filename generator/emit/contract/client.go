package contract

import (
	"fmt"
	"path"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"google.golang.org/protobuf/compiler/protogen"
)

// imports are the packages that clients may use.
func imports() golang.Imports {
	return golang.Imports{
		"context": "context",
		"grpc":    "google.golang.org/grpc",
		"proto":   "google.golang.org/protobuf/proto",
	}
}

// clients returns what makes the Go client of every contract file, given by
// path, and for each Go package that has one the file of what its clients share.
func clients(plugin *protogen.Plugin, contracts []string) []emit.Task {
	var tasks []emit.Task
	add := func(p string, source func(*protogen.File) *golang.File, f *protogen.File) {
		tasks = append(tasks, func() ([]emit.File, error) {
			content, err := source(f).Bytes()
			return []emit.File{{Path: path.Join(Dir, p), Content: content}}, err
		})
	}
	packages := map[protogen.GoImportPath]bool{}
	for _, p := range contracts {
		f := plugin.FilesByPath[p]
		add(f.GeneratedFilenamePrefix+"_client.go", client, f)
		if !packages[f.GoImportPath] {
			packages[f.GoImportPath] = true
			add(path.Join(path.Dir(f.GeneratedFilenamePrefix), "prism_client.go"), shared, f)
		}
	}
	return tasks
}

// client writes the client of one contract file.
func client(file *protogen.File) *golang.File {
	g := golang.NewFile(string(file.GoImportPath), string(file.GoPackageName), "", imports())
	for _, s := range file.Services {
		full := string(s.Desc.FullName())
		var methods strings.Builder
		for _, m := range s.Methods {
			fmt.Fprintf(&methods, "\t%s = \"/%s/%s\"\n", methodName(m), full, m.Desc.Name())
		}
		g.Add("%sconst (\n%s)", comment("The methods of %s, of %s, as interceptors and service configs name them.", full, file.Desc.Path()), methods.String())
		g.Fill(`$doc//
${comment}type ${service}Client struct {
	cc @grpc.ClientConnInterface
}`, golang.Holes{
			"service": s.GoName, "comment": s.Comments.Leading,
			"doc": comment("%sClient calls %s. It is safe for concurrent use.", s.GoName, full),
		})
		g.Fill(`${doc}func New${service}Client(cc @grpc.ClientConnInterface) *${service}Client {
	return &${service}Client{cc: cc}
}`, golang.Holes{
			"service": s.GoName,
			"doc":     comment("New%sClient returns a client that calls over cc, which remains the caller's to close.", s.GoName),
		})
		for _, m := range s.Methods {
			g.Fill(`${comment}func (c *${service}Client) $method(ctx @context.Context, in *$request, opts ...@grpc.CallOption) (*$response, error) {
	return call[$response](ctx, c.cc, $name, in, opts)
}`, golang.Holes{
				"comment": m.Comments.Leading, "service": s.GoName, "method": m.GoName,
				"request": m.Input.GoIdent.GoName, "response": m.Output.GoIdent.GoName, "name": methodName(m),
			})
		}
	}
	return g
}

func methodName(m *protogen.Method) string {
	return m.Parent.GoName + "_" + m.GoName + "_FullMethodName"
}

func comment(format string, args ...any) string {
	return golang.Comment(golang.Wrap(fmt.Sprintf(format, args...), 77))
}

// shared writes what the clients of one Go package have in common.
func shared(file *protogen.File) *golang.File {
	doc := fmt.Sprintf("Package %s holds the messages of %s and clients of the services that Prism makes of them.",
		file.GoPackageName, file.Desc.Package())
	g := golang.NewFile(string(file.GoImportPath), string(file.GoPackageName), golang.Wrap(doc, 77), imports())
	g.Add(`// call makes one unary call.
func call[Response any](ctx @context.Context, cc @grpc.ClientConnInterface, method string, in @proto.Message, opts []@grpc.CallOption) (*Response, error) {
	out := new(Response)
	if err := cc.Invoke(ctx, method, in, out, append([]@grpc.CallOption{@grpc.StaticMethod()}, opts...)...); err != nil {
		return nil, err
	}
	return out, nil
}`)
	return g
}
