package nats

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/runtime"
	"github.com/prism-proxy/prism/runtime/migration"
)

// The metadata of a stream.
const (
	metaDeployment = "prism_deployment"
	metaTable      = "prism_table"
	metaKeys       = "prism_keys" // items(item_id) items_serial(serial)
	metaLeap       = "prism_leap" // what is added to a sequence to get a version
)

// streams returns how the namespace's streams have to be configured, one per
// table.
func streams(env *runtime.Env, n runtime.Namespace, cfg Config) []jetstream.StreamConfig {
	storage := jetstream.FileStorage
	if cfg.Durability == "LOST_ON_RESTART" {
		storage = jetstream.MemoryStorage
	}
	var all []jetstream.StreamConfig
	for _, table := range n.Tables {
		var keys []string
		for _, begin := range slices.Sorted(maps.Keys(cfg.Keys)) {
			if of := cfg.Keys[begin]; of[0] == table {
				keys = append(keys, begin+"("+strings.Join(of[1:], ",")+")")
			}
		}
		all = append(all, jetstream.StreamConfig{
			Name:               strings.ToUpper("PRISM_" + env.Deployment + "_" + table),
			Description:        "Records of table " + table + ", written by " + env.Deployment + "-proxy alone",
			Subjects:           []string{strings.Join([]string{cfg.Prefix, env.Deployment, table, ">"}, ".")},
			Storage:            storage,
			MaxMsgsPerSubject:  1,
			AllowMsgTTL:        true,
			AllowAtomicPublish: true,
			Metadata: map[string]string{
				metaDeployment: env.Deployment, metaTable: table, metaKeys: strings.Join(keys, " "), metaLeap: "0",
			},
		})
	}
	return all
}

// find returns the stream that want names, or nil.
func find(ctx context.Context, db *DB, want jetstream.StreamConfig) (jetstream.Stream, error) {
	js, err := jetstream.New(db.conn.(*driver.Conn))
	if err != nil {
		return nil, err
	}
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	return s, Error(ctx, err)
}

// compare refuses a stream that differs from want. The number and placement of
// replicas is left to operators.
func compare(info *jetstream.StreamInfo, want jetstream.StreamConfig) error {
	got := info.Config
	for _, part := range []struct {
		name      string
		got, want any
	}{
		{"metadata " + metaDeployment, got.Metadata[metaDeployment], want.Metadata[metaDeployment]},
		{"metadata " + metaTable, got.Metadata[metaTable], want.Metadata[metaTable]},
		{"subjects", strings.Join(got.Subjects, " "), strings.Join(want.Subjects, " ")},
		{"storage", got.Storage, want.Storage},
		{"metadata " + metaKeys, got.Metadata[metaKeys], want.Metadata[metaKeys]},
		{"retention", got.Retention, jetstream.LimitsPolicy},
		{"max_msgs_per_subject", got.MaxMsgsPerSubject, int64(1)},
		{"max_msgs", got.MaxMsgs, int64(-1)},
		{"max_bytes", got.MaxBytes, int64(-1)},
		{"max_age", got.MaxAge, time.Duration(0)},
		{"max_msg_size", got.MaxMsgSize, int32(-1)},
		{"allow_msg_ttl", got.AllowMsgTTL, true},
		{"allow_atomic", got.AllowAtomicPublish, true},
		{"allow_direct", got.AllowDirect, false},
		{"no_ack", got.NoAck, false},
		{"sealed", got.Sealed, false},
		{"subject_transform", got.SubjectTransform != nil, false},
		{"mirror or sources", got.Mirror != nil || len(got.Sources) > 0, false},
		{"persist_mode", got.PersistMode, jetstream.DefaultPersistMode},
	} {
		if part.got != part.want {
			return fmt.Errorf("stream %s has %s %v, and needs %v", got.Name, part.name, part.got, part.want)
		}
	}
	return nil
}

// Migrate creates the missing streams, whatever the phase, and returns their
// names as those of migrations. A way back leaves them as they are. An existing
// stream may lose unique indexes, whose entries stay until their records are
// written; an empty one may get any indexes.
func Migrate(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, run migration.Run) (done []migration.File, err error) {
	if run.To > 0 {
		return nil, nil
	}
	defer func() {
		for _, f := range done {
			run.Tell(f)
		}
	}()
	if run.DryRun {
		states, err := Status(ctx, env, n, cfg)
		for _, s := range states {
			if s.State != "applied" {
				done = append(done, migration.File{Name: s.Name})
			}
		}
		return done, err
	}
	db, err := connect(ctx, env, n, cfg)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, want := range streams(env, n, cfg) {
		changed, err := migrate(ctx, db, want)
		if err != nil {
			return done, err
		}
		if changed {
			done = append(done, migration.File{Name: want.Name})
		}
	}
	return done, nil
}

func migrate(ctx context.Context, db *DB, want jetstream.StreamConfig) (changed bool, err error) {
	js, err := jetstream.New(db.conn.(*driver.Conn))
	if err != nil {
		return false, err
	}
	s, err := find(ctx, db, want)
	if err != nil {
		return false, err
	}
	if s == nil {
		want.FirstSeq = firstSequence()
		_, err := js.CreateStream(ctx, want)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // created by another proxy meanwhile
			return false, fmt.Errorf("stream %s cannot be made: %w", want.Name, Error(ctx, err))
		}
		if s, err = find(ctx, db, want); err != nil || s == nil {
			return false, fmt.Errorf("stream %s was made and deleted by another: %w", want.Name, err)
		}
	}
	info := s.CachedInfo()
	keys := want.Metadata[metaKeys]
	if had := info.Config.Metadata[metaKeys]; had != keys && info.Config.Metadata[metaTable] == want.Metadata[metaTable] {
		if info.State.Msgs > 0 && !fewer(had, keys) {
			return false, fmt.Errorf("stream %s was made for %s, and the schema has %s; unique indexes can be added and keys be changed while it is empty: copy its records into a new table", want.Name, had, keys)
		}
		changed = true
	}
	if changed {
		got := info.Config
		got.Metadata[metaKeys] = keys
		if err := compare(&jetstream.StreamInfo{Config: got}, want); err != nil {
			return false, err
		}
		_, err := js.UpdateStream(ctx, got)
		return err == nil, Error(ctx, err)
	}
	return false, compare(info, want)
}

// fewer reports whether keys are all or some of those that a stream had.
func fewer(had, keys string) bool {
	all := strings.Fields(had)
	return !slices.ContainsFunc(strings.Fields(keys), func(k string) bool { return !slices.Contains(all, k) })
}

// firstSequence returns the first sequence of a new stream: 42 random bits,
// with room for all that is written until the stream is created again. Callers
// may remember versions of an earlier stream of the same name; nothing else
// does.
func firstSequence() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:])>>22<<18 + 1
}

// Status lists the namespace's streams as migrations: applied, pending if the
// stream is missing, and changed if its configuration differs.
func Status(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) (states []migration.State, err error) {
	db, err := connect(ctx, env, n, cfg)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for i, want := range streams(env, n, cfg) {
		s, err := find(ctx, db, want)
		if err != nil {
			return nil, err
		}
		state := migration.State{Number: i + 1, Name: want.Name, State: "applied"}
		switch {
		case s == nil:
			state.State = "pending"
		case compare(s.CachedInfo(), want) != nil:
			state.State = "changed"
		}
		states = append(states, state)
	}
	return states, nil
}

// bumpLeap is how far BumpVersions makes versions leap: more than can have been
// issued since the copy was made.
const bumpLeap = 1 << 40

// BumpVersions makes the versions of every table leap above those that callers
// may have seen, after streams were restored from a copy or lost writes in a
// power cut. No proxy may have them open.
func BumpVersions(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config) error {
	db, err := connect(ctx, env, n, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	js, err := jetstream.New(db.conn.(*driver.Conn))
	if err != nil {
		return err
	}
	for _, want := range streams(env, n, cfg) {
		s, err := find(ctx, db, want)
		switch {
		case err != nil:
			return err
		case s == nil:
			continue
		}
		info := s.CachedInfo()
		if err := compare(info, want); err != nil {
			return err
		}
		leap, err := leapOf(info)
		if err != nil {
			return err
		}
		info.Config.Metadata[metaLeap] = strconv.FormatInt(leap+bumpLeap, 10)
		if _, err := js.UpdateStream(ctx, info.Config); err != nil {
			return Error(ctx, err)
		}
	}
	return nil
}

func leapOf(info *jetstream.StreamInfo) (int64, error) {
	leap, err := strconv.ParseInt(info.Config.Metadata[metaLeap], 10, 64)
	if err != nil || leap < 0 {
		return 0, fmt.Errorf("metadata %s of stream %s is no number; restore it, or make it larger than any version and run migrate bump-versions", metaLeap, info.Config.Name)
	}
	return leap, nil
}
