package postgres

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// builds are the indexes of a namespace that no migration has built yet.
type builds struct {
	namespace string
	missing   atomic.Pointer[map[int]bool] // the numbers of their migrations; nil: none
	mu        sync.Mutex
	asked     time.Time
}

// askAgain is how long an index that is not there is not asked for again.
const askAgain = time.Second

// begin finds the migrations of n that build an index and are not applied.
func (b *builds) begin(ctx context.Context, conn *pgx.Conn, n runtime.Namespace) error {
	files, err := migration.Read(n.Migrations, n.Name)
	if err != nil {
		return err
	}
	missing := map[int]bool{}
	for _, f := range files {
		if strings.HasSuffix(f.Name, "_index") {
			missing[f.Number] = true
		}
	}
	b.namespace = n.Name
	return b.look(ctx, conn, missing)
}

// look notes which of the missing are missing still.
func (b *builds) look(ctx context.Context, conn *pgx.Conn, missing map[int]bool) error {
	if len(missing) == 0 {
		return nil
	}
	rows, err := applied(ctx, conn, b.namespace, nil)
	if err != nil {
		return err
	}
	left := maps.Clone(missing)
	for _, row := range rows {
		delete(left, row.Number)
	}
	if len(left) == 0 {
		b.missing.Store(nil)
	} else {
		b.missing.Store(&left)
	}
	return nil
}

// Built returns INDEX_BUILDING as long as the index that the migration builds is not
// there. Once all are, it asks no more.
func (db *DB) Built(ctx context.Context, index string, number int) error {
	missing := db.builds.missing.Load()
	if missing == nil || !(*missing)[number] {
		return nil
	}
	if err := db.builds.ask(ctx, db); err != nil {
		return err
	}
	if missing = db.builds.missing.Load(); missing == nil || !(*missing)[number] {
		return nil
	}
	return runtime.Building(index)
}

// ask looks, at most once in askAgain, which of the missing indexes are there now.
func (b *builds) ask(ctx context.Context, db *DB) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.missing.Load()
	if before == nil || time.Since(b.asked) < askAgain {
		return nil
	}
	conn, err := acquire(ctx, db)
	if err != nil {
		return Error(ctx, unsent{err})
	}
	defer release(db, conn)
	b.asked = time.Now()
	return b.look(ctx, conn.Conn(), *before)
}
