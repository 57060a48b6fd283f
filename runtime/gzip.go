package runtime

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"sync"
)

// gzipEncoding is the only grpc-encoding besides identity that the proxy reads.
// Answers are not compressed.
const gzipEncoding = "gzip"

// gunzip unpacks requests. It belongs to a server, not to the process like
// grpc's registered compressors. It is safe for concurrent use.
type gunzip struct{ readers sync.Pool }

// Type is the encoding's name. grpc lets streams with it through.
func (*gunzip) Type() string { return gzipEncoding }

// Do is never called: grpc does not read requests.
func (*gunzip) Do(io.Reader) ([]byte, error) { return nil, errors.ErrUnsupported }

// unpack replaces a request by its unpacked form. That is charged to held as it
// grows and refused above limit, so a bomb costs no more than any request that
// is too large.
func (g *gunzip) unpack(ctx context.Context, r *request, held *holding, limit int) error {
	before := held.bytes - int64(cap(r.bytes))
	if err := held.take(unpackCost); err != nil {
		return err
	}
	z, _ := g.readers.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer g.readers.Put(z)
	out, err := make([]byte, 0), z.Reset(bytes.NewReader(r.bytes))
	for err == nil {
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		if len(out) == cap(out) {
			if out, err = grow(out, 4*len(r.bytes), held, limit); err != nil {
				return err
			}
		}
		var n int
		n, err = z.Read(out[len(out):cap(out)])
		if out = out[:len(out)+n]; len(out) > limit {
			return tooLarge(int64(len(out)), limit)
		}
	}
	if !errors.Is(err, io.EOF) || len(r.bytes) == 0 {
		return malformed("the message does not unpack as gzip")
	}
	r.free()
	r.bytes = out
	held.resize(int(before) + cap(out))
	return nil
}

// grow returns b with twice its capacity or with first bytes, whichever is
// more, but never more than one byte above limit.
func grow(b []byte, first int, held *holding, limit int) ([]byte, error) {
	size := min(max(2*cap(b), first, 512), limit+1)
	if err := held.take(size); err != nil {
		return nil, err
	}
	grown := append(make([]byte, 0, size), b...)
	held.resize(int(held.bytes) - cap(b))
	return grown, nil
}
