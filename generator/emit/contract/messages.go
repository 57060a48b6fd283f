package contract

import (
	"errors"
	"path"
	"strings"
	"sync"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// newPlugin gives protoc-gen-go's view of the files: own are those to emit,
// protos hold them and their imports in order. goPackages holds path=package for
// the files whose Go package is not the one that they say.
func newPlugin(own []string, protos []*descriptorpb.FileDescriptorProto, goPackages []string) (*protogen.Plugin, error) {
	parameters := []string{"paths=source_relative"}
	for _, p := range goPackages {
		parameters = append(parameters, "M"+p)
	}
	return protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: own,
		ProtoFile:      protos,
		Parameter:      proto.String(strings.Join(parameters, ",")),
	})
}

// noVersionMarkers keeps the versions of tools out of generated files, so that
// an upgrade changes only what it must.
var noVersionMarkers = sync.OnceFunc(func() { internal_gengo.GenerateVersionMarkers = false })

// messages returns what makes the .pb.go of every file to emit.
func messages(plugin *protogen.Plugin) []emit.Task {
	noVersionMarkers()
	var tasks []emit.Task
	for _, f := range plugin.Files {
		if f.Generate {
			tasks = append(tasks, func() ([]emit.File, error) { return generate(*plugin, f) })
		}
	}
	return tasks
}

// generate returns the .pb.go of a file as protoc-gen-go has it. That collects
// in the plugin what it generates, so each file has a copy of the plugin: files
// are generated at the same time, and their drafts are not kept.
func generate(plugin protogen.Plugin, f *protogen.File) ([]emit.File, error) {
	internal_gengo.GenerateFile(&plugin, f)
	response := plugin.Response()
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	var files []emit.File
	for _, f := range response.File {
		content := f.GetContent()
		if !strings.HasPrefix(content, golang.Header) {
			content = golang.Header + "\n\n" + content
		}
		files = append(files, emit.File{Path: path.Join(Dir, f.GetName()), Content: []byte(content)})
	}
	return files, nil
}
