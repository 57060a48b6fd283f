package sqlite

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/prism-proxy/prism/runtime"
)

// errEnded is the error of writes after a sync that failed, or that found other
// files than expected.
var errEnded = runtime.NotApplied(runtime.BackendReadOnly, "the store's disk failed or its files were moved, so writes are refused until the proxy is restarted", errors.New("sqlite: an earlier sync failed"))

// Error translates an error of SQLite, by its result code
// (https://sqlite.org/rescode.html), into the client's. Errors of package
// runtime pass unchanged; unknown codes are INTERNAL. Every failed transaction
// was rolled back, so nothing was applied, unless the commit was written and
// its fsync failed. The driver reports a full disk as a failed write.
//
// Apart from that the context is checked first: SQLite says "interrupted" or
// "locked" when it ends.
func Error(ctx context.Context, err error) error {
	var known *runtime.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var code *sqlite3.Error
	var plain sqlite3.ErrorCode
	if errors.As(err, &code) {
		plain = code.Code()
	} else {
		errors.As(err, &plain)
	}
	if ended := runtime.ContextError(ctx); ended != nil && plain != sqlite3.IOERR {
		return ended
	}
	if plain == 0 {
		return runtime.NotApplied(runtime.Internal, "the store failed; the request is not at fault", err)
	}
	cause := errors.New("sqlite: " + plain.Error())
	if errors.Is(err, sqlite3.IOERR_WRITE) {
		return runtime.NotApplied(runtime.BackendReadOnly, "the store cannot write its file (it needs space and a working disk)", cause)
	}
	switch plain {
	case sqlite3.BUSY, sqlite3.LOCKED, sqlite3.PROTOCOL:
		return runtime.NotApplied(runtime.BackendUnavailable, "the store is locked by another program (only one proxy may use the file)", cause)
	case sqlite3.FULL, sqlite3.READONLY, sqlite3.PERM:
		return runtime.NotApplied(runtime.BackendReadOnly, "the store accepts no writes (it needs space and permission)", cause)
	case sqlite3.IOERR:
		return runtime.Unknown(runtime.BackendUnavailable, "the store cannot reach its file", cause)
	case sqlite3.CANTOPEN:
		return runtime.NotApplied(runtime.BackendUnavailable, "the store's file cannot be opened", cause)
	case sqlite3.CORRUPT, sqlite3.NOTADB:
		return runtime.NotApplied(runtime.ValueCorrupt, "the store's file is damaged", cause)
	case sqlite3.TOOBIG, sqlite3.NOMEM:
		return runtime.NotApplied(runtime.BackendUnavailable, "the store is out of memory", cause)
	}
	return runtime.NotApplied(runtime.Internal, "the store failed; the request is not at fault", cause)
}
