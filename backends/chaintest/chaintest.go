// Package chaintest leads SQL stores through random chains of releases, without
// building a proxy: a reference writer writes the rows as each release's proxy would,
// the planner's files are applied in the order of a rollout, and at every step the
// columns are what the records give.
package chaintest

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/source"
	"github.com/prism-proxy/prism/generator/storage"
)

// Store is an empty store of the backend under test.
type Store interface {
	Backend() *emit.Backend
	// Config is what prism.yaml says behind the backend: "", or ", config: {…}".
	Config() string
	// Apply runs a file, in a transaction unless it is one that has none.
	Apply(sql string, transaction bool) error
	// Fill runs the pass of a fill whose statements are in the generated store.go.
	Fill(store string, table string, columns []storage.Column, release int) error
	// Put writes a row as a proxy does, whatever was there.
	Put(e *storage.Entity, columns []storage.Column, values []any, record []byte) error
	// Expires returns how many rows never expire, and how many do.
	Expires(table string) (never, ever int, err error)
	// Differs returns how many rows there are, and how many of them have other values
	// in the columns than those given for the key in the first column.
	Differs(table string, columns []storage.Column, rows [][]any) (rowsThere, differ int, err error)
	// Fenced reports whether err is a fence's. Nil: one proxy has the store, and there
	// are none.
	Fenced() func(err error) bool
	// Catalog describes the tables, columns, indexes, constraints and sequences.
	Catalog() ([]string, error)
	// Unread returns the records of a table by the key.
	Records(table string) (map[string][]byte, error)
}

// chain is one run.
type chain struct {
	testing.TB
	store  Store
	rand   *rand.Rand
	dir    fstest.MapFS // of the deployment
	log    strings.Builder
	schema *Schema

	plan    *plan
	records map[string]map[string][]byte // by entity and key
}

// plan is what a release compiled to.
type plan struct {
	release int
	schema  *Schema
	model   storage.Model
	files   []history.File
	out     map[string]string
}

// Run leads a store of open through a chain of the seed. The failure of one prints
// the schemas.
func Run(t testing.TB, seed uint64, open func(testing.TB) Store) {
	c := &chain{
		TB: t, rand: rand.New(rand.NewPCG(seed, 1)), dir: fstest.MapFS{},
		records: map[string]map[string][]byte{},
	}
	defer func() {
		if t.Failed() {
			t.Logf("PRISM_SEED=%d\n%s", seed, c.log.String())
		}
	}()
	c.store = open(t)
	c.schema = NewSchema(c.rand)
	c.release()
	c.applyAll(c.plan.files)
	c.write(c.plan, 30)
	for range 1 + c.rand.IntN(4) {
		c.next()
	}
	// What all files make of an empty database is what the rollouts made of this one.
	fresh := open(t)
	live, filled := c.store, c.records
	c.store, c.records = fresh, map[string]map[string][]byte{}
	for _, phase := range []string{"expand", "fence", "fill", "index", "contract"} {
		c.applyAll(phases(c.plan.files)[phase])
	}
	want := c.catalog()
	c.store, c.records = live, filled
	c.same("the catalog of all files on an empty database", want, c.catalog())
}

func (c *chain) fatal(err error, what string, args ...any) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", fmt.Sprintf(what, args...), err)
	}
}

// compile compiles the present schema.
func (c *chain) compile(release bool) *generator.Output {
	c.Helper()
	return Compile(c, c.schema, c.store.Backend(), c.store.Config(), c.dir, release)
}

// Folder is where the deployment of a schema has its history, from the module's root.
const Folder = "schemas/app"

// Compile compiles the schema for a backend, with what prism.yaml says behind its
// name, behind the history in a file system whose root is Folder, and closes the
// release if it is to. What it breaks of those before is let through.
func Compile(t testing.TB, s *Schema, b *emit.Backend, config string, dir fs.FS, release bool) *generator.Output {
	t.Helper()
	text := s.String()
	own := fstest.MapFS{"app/v1/item.proto": {Data: []byte(text)}}
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: own}}, []string{"app.v1"})
	if len(faults) > 0 {
		t.Fatalf("%v\n%s", faults, text)
	}
	yaml := fmt.Sprintf("deployment: app\nimport_path: example.com/app\npackages: [app.v1]\ntest_kit: false\nnamespaces:\n  - {name: items, backend: %s%s}\n", b.Name, config)
	out, faults := generator.Run(generator.Input{
		Config: []byte(yaml), ConfigPath: Folder + "/prism.yaml", History: dir, Files: files,
		Backends: []*emit.Backend{b}, Command: generator.Command{Release: release, Unjudged: true},
	})
	if out == nil {
		t.Fatalf("%v\n%s", faults, text)
	}
	return out
}

// release closes a release with the present schema.
func (c *chain) release() {
	c.Helper()
	out := c.compile(true)
	p := &plan{release: out.Deployment.Release, schema: c.schema.Clone(), model: out.Plan.Lock.Open, out: map[string]string{}}
	fmt.Fprintf(&c.log, "== release %d\n%s\n", p.release, c.schema)
	c.dir = fstest.MapFS{}
	for _, f := range out.Files {
		if name, ok := strings.CutPrefix(f.Path, Folder+"/"); ok {
			c.dir[name] = &fstest.MapFile{Data: f.Content}
		}
		p.out[f.Path] = string(f.Content)
	}
	for _, chain := range out.Plan.Lock.Chains {
		p.files = chain.Files
	}
	c.plan = p
}

// next leads the store through one more release: expand, both releases beside each
// other, fence, fill, index, and then contract or back and forth.
func (c *chain) next() {
	before := c.plan
	old := c.catalog()
	for changed := false; !changed; {
		c.schema.Change(c.rand, before.release+1)
		changed = c.compile(false).Deployment.Release != before.release
	}
	c.release()
	now := c.plan
	files := phases(now.files[len(before.files):])
	up := func(beside bool) {
		c.applyAll(files["expand"])
		if beside {
			for range 4 {
				c.write(before, 6)
				c.write(now, 6)
			}
			c.served(before, now, "beside the next release")
		}
		c.applyAll(files["fence"])
		c.fenced(before, now)
		c.write(now, 4)
		c.applyAll(files["fill"])
		c.check(now, "after the fill")
		c.applyAll(files["index"])
		c.write(now, 10)
		c.check(now, "after complete")
		c.served(before, now, "after complete")
	}
	up(true)
	c.fields(now)
	if c.rand.IntN(3) == 0 {
		rolled := slices.Concat(files["expand"], files["fence"], files["fill"], files["index"])
		for _, f := range slices.Backward(rolled) {
			c.fatal(c.store.Apply(c.file(history.DownPath("items", f.Name)), !alone(f)), "%s, down", f.Name)
		}
		for _, e := range now.model.Entities {
			if before.model.Entity(e.Name) == nil {
				delete(c.records, e.Name) // with its table
			}
		}
		c.same(fmt.Sprintf("down to release %d", before.release), old, c.catalog())
		if len(files["expand"]) == 0 || c.rand.IntN(2) == 0 {
			c.write(before, 10)
		}
		up(false)
	}
	c.applyAll(files["contract"])
	c.write(now, 10)
	c.check(now, "after contract")
}

// phases returns files by phase.
func phases(files []history.File) map[string][]history.File {
	by := map[string][]history.File{}
	for _, f := range files {
		phase := f.Name[strings.LastIndex(f.Name, "_")+1:]
		by[phase] = append(by[phase], f)
	}
	return by
}

func alone(f history.File) bool {
	return strings.HasSuffix(f.Name, "_index")
}

func (c *chain) file(name string) string {
	c.Helper()
	f := c.dir[name]
	if f == nil {
		c.Fatalf("there is no %s", name)
	}
	return string(f.Data)
}

func (c *chain) applyAll(files []history.File) {
	c.Helper()
	for _, f := range files {
		text := c.file(history.UpPath("items", f.Name))
		if strings.HasSuffix(f.Name, "_fill") {
			c.fill(f)
			text = text[strings.Index(text, "INSERT INTO"):]
		}
		c.fatal(c.store.Apply(text, !strings.Contains(text, "CONCURRENTLY")), "%s", f.Name)
	}
}

// fill runs the fill of the present release.
func (c *chain) fill(f history.File) {
	c.Helper()
	for _, e := range c.plan.model.Entities {
		if f.Name == fmt.Sprintf("%.4s_%s_fill", f.Name, e.Table) {
			store := c.plan.out["out/app/proxy/app/v1/"+strings.ToLower(short(e.Name))+"/store.go"]
			c.fatal(c.store.Fill(store, e.Table, written(&e), e.Release), "%s", f.Name)
			return
		}
	}
	c.Fatalf("%s is of no table", f.Name)
}

// written returns the columns that a release writes, the key first.
func written(e *storage.Entity) []storage.Column {
	columns := slices.DeleteFunc(slices.Clone(e.Columns), func(c storage.Column) bool { return c.State == storage.Idle })
	return columns
}

// values returns what the record holds in the columns.
func values(columns []storage.Column, record []byte) []any {
	var list []any
	for _, c := range columns {
		list = append(list, Value(c, record))
	}
	return list
}

// write puts n records as a proxy of the release would.
func (c *chain) write(p *plan, n int) {
	c.Helper()
	for range n {
		for _, e := range p.model.Entities {
			if e.State != storage.Live {
				continue
			}
			key, record := p.schema.Record(c.rand, short(e.Name))
			columns := written(&e)
			c.fatal(c.store.Put(&e, columns, values(columns, record), record), "a put of release %d in %s", p.release, e.Table)
			if c.records[e.Name] == nil {
				c.records[e.Name] = map[string][]byte{}
			}
			c.records[e.Name][key] = record
		}
	}
}

// fenced checks that writers of the release before are kept out of tables with a
// fence of now.
func (c *chain) fenced(before, now *plan) {
	c.Helper()
	is := c.store.Fenced()
	if is == nil {
		return
	}
	for _, e := range before.model.Entities {
		after := now.model.Entity(e.Name)
		if after == nil || after.Fence != now.release {
			continue
		}
		_, record := before.schema.Record(c.rand, short(e.Name))
		columns := written(&e)
		if err := c.store.Put(&e, columns, values(columns, record), record); !is(err) {
			c.Fatalf("release %d writes to %s behind the fence of release %d: %v", before.release, e.Table, now.release, err)
		}
	}
}

// check checks that no record has changed, and that all columns that p writes are
// what the records give.
func (c *chain) check(p *plan, when string) {
	c.Helper()
	for _, e := range p.model.Entities {
		if e.State != storage.Live {
			continue
		}
		stored, err := c.store.Records(e.Table)
		c.fatal(err, "records")
		if diff := cmp.Diff(c.records[e.Name], stored); diff != "" && len(stored)+len(c.records[e.Name]) > 0 {
			c.Fatalf("%s, the records of %s (-want +got):\n%s", when, e.Table, diff)
		}
		columns := written(&e)
		var rows [][]any
		for _, key := range slices.Sorted(maps.Keys(stored)) {
			rows = append(rows, values(columns, stored[key]))
		}
		there, differ, err := c.store.Differs(e.Table, columns, rows)
		c.fatal(err, "rows")
		if e.Expires != nil {
			never, ever, err := c.store.Expires(e.Table)
			c.fatal(err, "expiry")
			if live := e.Expires.State == storage.Live; live && never > 0 || !live && ever > 0 {
				c.Fatalf("%s of release %d, with the expiry of %s %s, %d rows never expire and %d do", when, p.release, e.Table, e.Expires.State, never, ever)
			}
		}
		if there != len(rows) || differ > 0 {
			c.Fatalf("%s of release %d, %d of %d rows of %s have other columns than their records give", when, p.release, differ, there, e.Table)
		}
	}
}

// served checks that the release before, which serves on, finds in its columns what it
// would have written. A wider number that it cannot read is beyond it.
func (c *chain) served(before, now *plan, when string) {
	c.Helper()
	for _, e := range before.model.Entities {
		after := now.model.Entity(e.Name)
		if e.State != storage.Live || after == nil {
			continue
		}
		columns := slices.DeleteFunc(slices.Clone(e.Columns), func(col storage.Column) bool {
			there := after.Column(col.Name)
			return col.State != storage.Live || there != nil && there.Kind != col.Kind && widened(col.Kind, there.Kind)
		})
		var rows [][]any
		for _, key := range slices.Sorted(maps.Keys(c.records[e.Name])) {
			rows = append(rows, values(columns, c.records[e.Name][key]))
		}
		_, differ, err := c.store.Differs(e.Table, columns, rows)
		c.fatal(err, "rows")
		if differ > 0 {
			c.Fatalf("%s, %d of %d rows of %s are not what release %d serves", when, differ, len(rows), e.Table, before.release)
		}
	}
}

// widened reports whether the kinds are the same but for their width.
func widened(a, b storage.Kind) bool {
	for _, family := range [][]storage.Kind{{"int32", "enum", "int64"}, {"sint32", "sint64"}} {
		if slices.Contains(family, a) && slices.Contains(family, b) {
			return true
		}
	}
	return false
}

// fields checks that, by field number, the store has what a new one with this schema
// would have.
func (c *chain) fields(p *plan) {
	c.Helper()
	history := c.dir
	c.dir = fstest.MapFS{}
	fresh := c.compile(false).Plan.Lock.Open
	c.dir = history
	describe := func(m storage.Model) (all []string) {
		for _, e := range m.Entities {
			if e.State != storage.Live {
				continue
			}
			for _, col := range e.Columns {
				if col.State == storage.Live {
					all = append(all, fmt.Sprintf("%s: column of field %d, %s, %s, presence %t, oneof %v", e.Name, col.Field, col.Kind, col.Role, col.Presence, col.Oneof))
				}
			}
			for _, x := range e.Indexes {
				if x.State != storage.Live {
					continue
				}
				var fields []int32
				for _, name := range x.Columns {
					fields = append(fields, e.Column(name).Field)
				}
				all = append(all, fmt.Sprintf("%s: index %s of fields %d, unique %t", e.Name, x.Name, fields, x.Unique))
			}
		}
		slices.Sort(all)
		return all
	}
	c.same("what a new deployment would hold, by field", describe(fresh), describe(p.model))
}

func (c *chain) catalog() []string {
	c.Helper()
	lines, err := c.store.Catalog()
	c.fatal(err, "catalog")
	return lines
}

func (c *chain) same(what string, want, got []string) {
	c.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		c.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func short(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
