package main_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/backends/chaintest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
	"github.com/prism-proxy/prism/number"
	"github.com/prism-proxy/prism/runtime/wire"
)

// TestBuiltChains leads SQLite and Postgres through a random chain of releases with
// proxies that are built: what every Find of two releases beside each other answers is
// what a scan and a filter would. With PRISM_BUILT_CHAINS there are so many, and with
// PRISM_SEED the one that failed.
func TestBuiltChains(t *testing.T) {
	seeds := chaintest.Seeds(1, "PRISM_BUILT_CHAINS")
	for _, backend := range []string{"sqlite", "postgres"} {
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("%s/%d", backend, seed), func(t *testing.T) {
				b := &built{T: t, rand: rand.New(rand.NewPCG(seed, 2)), records: map[string]map[string][]byte{}}
				b.run(backend)
			})
		}
	}
}

// built is one chain.
type built struct {
	*testing.T
	rand    *rand.Rand
	dir     string
	schema  *chaintest.Schema
	backend *emit.Backend
	config  string
	env     []string
	data    string
	records map[string]map[string][]byte // by entity and key
}

// proxy is a release that was built.
type proxy struct {
	release
	number int
	schema *chaintest.Schema
	out    *generator.Output
}

func (b *built) run(backend string) {
	b.dir, _ = module(b.T)
	b.data = b.TempDir()
	if backend == "postgres" {
		b.config, b.env = `, config: {url: "${env:STORE}"}`, []string{"STORE=" + postgrestest.Start(b)}
	}
	all := backends.All()
	b.backend = all[slices.IndexFunc(all, func(e *emit.Backend) bool { return e.Name == backend })]
	b.schema = chaintest.NewSchema(b.rand)
	before := b.build(1)
	before.migrate(b.T, "up --data-dir "+b.data, "0001_init_expand")
	b.serve(before)
	b.write(before, 40)
	for n := 2; n <= 3; n++ {
		for b.schema.Change(b.rand, n); b.compile(false).Deployment.Release == n-1; {
			b.schema.Change(b.rand, n)
		}
		now := b.build(n)
		if backend == "sqlite" { // one proxy has the store
			before.stop()
			b.serve(now)
		} else {
			now.migrate(b.T, "up", "")
			b.serve(now)
			for range 3 {
				b.write(before, 5)
				b.write(now, 5)
			}
			b.finds(before, before)
			b.finds(now, before) // those of before, through the newer proxy
			before.stop()
			now.migrate(b.T, "complete", "")
		}
		b.write(now, 10)
		b.finds(now, now)
		before = now
	}
	before.stop()
	before.migrate(b.T, "complete --contract --data-dir "+b.data, "")
}

func (b *built) compile(release bool) *generator.Output {
	b.Helper()
	return chaintest.Compile(b, b.schema, b.backend, b.config, os.DirFS(filepath.Join(b.dir, chaintest.Folder)), release)
}

// build closes a release and builds its proxy.
func (b *built) build(n int) *proxy {
	b.Helper()
	b.Logf("release %d\n%s", n, b.schema)
	out := b.compile(true)
	if err := os.RemoveAll(filepath.Join(b.dir, "out")); err != nil {
		b.Fatal(err)
	}
	for _, f := range out.Files {
		write(b.T, filepath.Join(b.dir, f.Path), string(f.Content))
	}
	p := &proxy{number: n, schema: b.schema.Clone(), out: out}
	p.binary, p.env = filepath.Join(b.dir, "bin", fmt.Sprintf("r%d", n)), b.env
	command(b.T, b.dir, "go", "build", "-o", p.binary, "./out/app/proxy")
	return p
}

func (b *built) serve(p *proxy) { p.serveAt(b.T, b.data) }

// write puts n records of each entity.
func (b *built) write(p *proxy, n int) {
	b.Helper()
	for range n {
		for _, e := range p.out.Deployment.Entities() {
			key, record := p.schema.Record(b.rand, e.Name)
			in, out := wire.AppendBytes(nil, number.Item, record), []byte(nil)
			if err := p.conn.Invoke(b.Context(), "/app.v1."+e.Service.Name+"/Put"+e.Name, &in, &out); err != nil {
				b.Fatalf("a put of release %d: %v", p.number, err)
			}
			if b.records[e.Name] == nil {
				b.records[e.Name] = map[string][]byte{}
			}
			b.records[e.Name][key] = record
		}
	}
}

// finds checks that the Finds of a release, through a proxy that still has them, give
// what a filter over all records does.
func (b *built) finds(through, of *proxy) {
	b.Helper()
	for _, e := range of.out.Deployment.Entities() {
		for _, x := range e.Indexes {
			now := find(through.out.Deployment, e.Name, x)
			if now == nil {
				continue
			}
			for _, record := range b.records[e.Name] {
				by, ok := values(x, record)
				if !ok {
					continue
				}
				var want []string
				for key, other := range b.records[e.Name] {
					if v, ok := values(x, other); ok && bytes.Equal(v, by) {
						want = append(want, key)
					}
				}
				slices.Sort(want)
				got, err := through.keys(b.T, "/app.v1."+e.Service.Name+"/"+now.Find, by)
				if err != nil || !slices.Equal(got, want) {
					b.Fatalf("%s by release %d, of release %d, finds %q (%v), want %q", now.Find, through.number, of.number, got, err, want)
				}
			}
		}
	}
}

// find returns the index of the deployment that has the same Find and is read the
// same, or nil.
func find(d *schema.Deployment, entity string, x *schema.Index) *schema.Index {
	for _, e := range d.Entities() {
		for _, y := range e.Indexes {
			same := func(f, g *schema.Field) bool { return f.Number == g.Number && storage.Of(f).ReadsAs(storage.Of(g)) }
			if e.Name == entity && y.Find == x.Find && y.Unique == x.Unique && y.Migration == x.Migration &&
				slices.EqualFunc(y.Fields(), x.Fields(), same) && len(y.Equality) == len(x.Equality) {
				return y
			}
		}
	}
	return nil
}

// values returns what a Find is asked for to find the record; ok is false if it cannot
// be, because a field is absent, or empty text.
func values(x *schema.Index, record []byte) (by []byte, ok bool) {
	for _, f := range x.Equality {
		c := storage.Of(f)
		v := chaintest.Value(c, record)
		if v == nil || v == "" {
			return nil, false
		}
		if text, isBytes := v.([]byte); isBytes && len(text) == 0 {
			return nil, false
		}
		by = encode(by, f.Number, c.Kind, v)
	}
	if x.Ordered != nil { // all records behind the equality fields that have it
		return by, chaintest.Value(storage.Of(x.Ordered), record) != nil
	}
	return by, true
}

// encode appends a value of a kind.
func encode(b []byte, n int32, k storage.Kind, v any) []byte {
	number := protowire.Number(n)
	switch v := v.(type) {
	case string:
		return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), v)
	case []byte:
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
	case bool:
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), protowire.EncodeBool(v))
	case chaintest.Time:
		t := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(v.Seconds))
		t = protowire.AppendVarint(protowire.AppendTag(t, 2, protowire.VarintType), uint64(v.Nanos))
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), t)
	case uint64:
		if k == "fixed64" {
			return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), v)
		}
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
	case int64:
		switch k {
		case "fixed32", "sfixed32":
			return protowire.AppendFixed32(protowire.AppendTag(b, number, protowire.Fixed32Type), uint32(v))
		case "sfixed64":
			return protowire.AppendFixed64(protowire.AppendTag(b, number, protowire.Fixed64Type), uint64(v))
		case "sint32", "sint64":
			return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), protowire.EncodeZigZag(v))
		}
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(v))
	}
	panic(fmt.Sprintf("no %T is indexed", v))
}

// keys returns the keys of the records that a Find answers, sorted; none if it answers
// NOT_FOUND.
func (r *release) keys(t *testing.T, method string, by []byte) (keys []string, err error) {
	t.Helper()
	seen := map[string]bool{}
	for token := []byte(nil); ; {
		in := wire.AppendBytes(nil, number.Item, by)
		if token != nil {
			in = wire.AppendBytes(in, number.PageToken, token)
		}
		var out []byte
		if err := r.conn.Invoke(t.Context(), method, &in, &out); err != nil {
			if status.Code(err) == codes.NotFound {
				return nil, nil
			}
			return nil, err
		}
		token = nil
		for f := wire.Read(out); f.Next(); {
			switch f.Tag {
			case number.Record<<3 | wire.Bytes:
				for record := f.Message(); record.Next(); {
					if record.Tag != number.Entity<<3|wire.Bytes {
						continue
					}
					for item := record.Message(); item.Next(); {
						if item.Tag == 1<<3|wire.Bytes {
							seen[string(item.Bytes())] = true
						}
					}
				}
			case number.NextPageToken<<3 | wire.Bytes:
				token = bytes.Clone(f.Bytes())
			}
		}
		if len(token) == 0 {
			return slices.Sorted(maps.Keys(seen)), nil
		}
	}
}
