package runtime

import (
	"compress/gzip"
	"io"
	"sync"
)

// gunzip unpacks requests that came with grpc-encoding gzip, the one encoding
// beside identity that the proxy reads. Answers are not packed. It belongs to a
// server and not to the process, as grpc's registered compressors do, and is
// safe for concurrent use.
type gunzip struct{ readers sync.Pool }

// malformed is no message: a tag that does not end.
var malformed = []byte{0xff}

// Type is the encoding's name in grpc-encoding.
func (*gunzip) Type() string { return "gzip" }

// Do returns what r unpacks to, and of more than MaxRequest bytes one too many,
// so that a bomb costs no more than what the handler refuses anyway. What does
// not unpack becomes a malformed message: of an error grpc would make INTERNAL,
// and the fault is the caller's.
func (g *gunzip) Do(r io.Reader) ([]byte, error) {
	z, _ := g.readers.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer g.readers.Put(z)
	if z.Reset(r) != nil {
		return malformed, nil
	}
	b, err := io.ReadAll(io.LimitReader(z, MaxRequest+1))
	if err != nil {
		return malformed, nil
	}
	return b, nil
}
