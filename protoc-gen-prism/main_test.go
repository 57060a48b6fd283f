package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

// Faults of the schema and of the parameter are in the answer, which is then
// all that the plugin says. (That its files are the CLI's is a test of package
// generator.)
func TestFaultsAreAnswered(t *testing.T) {
	t.Chdir("..")
	for parameter, want := range map[string]string{
		"":                                "config is missing",
		"config=schemas/shop/prism.yaml":  "no file has package shop.v1",
		"config=schemas/shops/prism.yaml": "schemas/shops/prism.yaml: PRISM5040 [yaml.needed] the file does not exist; ",
	} {
		in, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{Parameter: proto.String(parameter)})
		if err != nil {
			t.Fatal(err)
		}
		var out, warnings bytes.Buffer
		if err := run(bytes.NewReader(in), &out, &warnings); err != nil {
			t.Errorf("%q: %v", parameter, err)
		}
		var resp pluginpb.CodeGeneratorResponse
		if err := proto.Unmarshal(out.Bytes(), &resp); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(resp.GetError(), want) || warnings.Len() > 0 {
			t.Errorf("%q: error %q, want %q; warnings %q", parameter, resp.GetError(), want, &warnings)
		}
	}
}

// A broken protocol is the plugin's own failure: nothing is answered.
func TestBrokenRequest(t *testing.T) {
	var out, warnings bytes.Buffer
	if err := run(strings.NewReader("\xff"), &out, &warnings); err == nil || out.Len() > 0 {
		t.Errorf("error %v, answer %q", err, &out)
	}
	cut := errors.New("cut off")
	if err := run(iotest.ErrReader(cut), &out, &warnings); !errors.Is(err, cut) || out.Len() > 0 {
		t.Errorf("error %v, answer %q", err, &out)
	}
}
