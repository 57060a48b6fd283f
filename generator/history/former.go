package history

import (
	"encoding/json"

	"github.com/prism-proxy/prism/generator/storage"
)

// former is a lock of formats 1 and 2, which knew no release: of the columns and
// indexes of its one open model nothing is read, since a run makes them anew. In
// format 1 entities had no abstraction: there was only key_value.
type former struct {
	Format     int    `json:"format"`
	Deployment string `json:"deployment"`
	Release    int    `json:"release"`
	Open       struct {
		Namespaces []struct {
			Name       string            `json:"name"`
			Backend    string            `json:"backend"`
			Located    map[string]string `json:"located"`
			Migrations json.RawMessage   `json:"migrations"`
		} `json:"namespaces"`
		Entities []struct {
			Name        string          `json:"name"`
			Abstraction string          `json:"abstraction"`
			Namespace   string          `json:"namespace"`
			Table       string          `json:"table"`
			Release     int             `json:"release"`
			Expires     bool            `json:"expires"`
			Columns     json.RawMessage `json:"columns"`
			Indexes     json.RawMessage `json:"indexes"`
		} `json:"entities"`
	} `json:"open"`
}

func (f *former) lock() *Lock {
	l := &Lock{Format: Format, Deployment: f.Deployment, Open: storage.Model{Namespaces: []storage.Namespace{}, Entities: []storage.Entity{}}, Chains: []Chain{}}
	for _, n := range f.Open.Namespaces {
		l.Open.Namespaces = append(l.Open.Namespaces, storage.Namespace{Name: n.Name, Backend: n.Backend, Located: n.Located})
	}
	for _, e := range f.Open.Entities {
		if f.Format == 1 {
			e.Abstraction = "key_value"
		}
		l.Open.Entities = append(l.Open.Entities, storage.Entity{
			Name: e.Name, Abstraction: e.Abstraction, Namespace: e.Namespace, Table: e.Table, Release: e.Release,
			Columns: []storage.Column{}, Indexes: []storage.Index{}, Life: storage.Life{State: storage.Live, Since: 1},
		})
	}
	return l
}
