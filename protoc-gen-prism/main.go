// Command protoc-gen-prism is the compiler as a plugin of protoc and buf. It
// runs in the module's root and writes below it:
//
//	protoc --prism_out=. --prism_opt=config=schemas/shop/prism.yaml -I schemas shop/v1/order.proto …
//
// A run is given all files of the packages that prism.yaml names.
package main

import (
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/generator"
)

func main() {
	if err := run(os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "protoc-gen-prism:", err)
		os.Exit(1)
	}
}

// run answers the request on in. Its error means that the protocol is broken:
// faults of a schema are in the answer.
func run(in io.Reader, out, warnings io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var req pluginpb.CodeGeneratorRequest
	if err := proto.Unmarshal(text, &req); err != nil {
		return fmt.Errorf("the request on standard input: %w", err)
	}
	resp, warned := generator.Respond(&req, os.DirFS("."), backends.All(), backends.TestKit())
	for _, w := range warned {
		fmt.Fprintf(warnings, "%s (warning)\n", w)
	}
	answer, err := proto.MarshalOptions{Deterministic: true}.Marshal(resp)
	if err != nil {
		return err
	}
	_, err = out.Write(answer)
	return err
}
