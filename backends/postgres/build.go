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

// builds are the migrations of a namespace that build indexes, or fill columns, and
// are not applied yet: what a proxy does without meanwhile.
type builds struct {
	namespace string
	missing   atomic.Pointer[map[int]bool] // their numbers; nil: none
	mu        sync.Mutex
	asked     time.Time
}

// askAgain is how long a migration that is not applied is not asked for again.
const askAgain = time.Second

// begin finds the migrations of n that are not applied.
func (b *builds) begin(ctx context.Context, conn *pgx.Conn, n runtime.Namespace) error {
	files, err := migration.Read(n.Migrations, n.In())
	if err != nil {
		return err
	}
	missing := map[int]bool{}
	for _, f := range files {
		if strings.HasSuffix(f.Name, "_index") || strings.HasSuffix(f.Name, "_fill") {
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
	missing, err := db.builds.still(ctx, db, number)
	if err == nil && missing {
		err = runtime.Building(index)
	}
	return err
}

// lacks reports whether a migration was missing when it was asked for.
func (b *builds) lacks(number int) bool {
	missing := b.missing.Load()
	return missing != nil && (*missing)[number]
}

// still is lacks for one that is asked for again if it was missing.
func (b *builds) still(ctx context.Context, db *DB, number int) (missing bool, err error) {
	if !b.lacks(number) {
		return false, nil
	}
	err = b.ask(ctx, db)
	return b.lacks(number), err
}

// ask looks, at most once in askAgain, which of the missing are applied now.
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
