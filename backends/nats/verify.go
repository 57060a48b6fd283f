package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	driver "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/prism-proxy/prism/runtime"
)

// verifyServer refuses a server that cannot do what the namespace needs.
func verifyServer(ctx context.Context, n runtime.Namespace, cfg Config, conn *driver.Conn) error {
	version := conn.ConnectedServerVersion()
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d.", &major, &minor); err != nil || major < 2 || major == 2 && minor < 12 {
		return fmt.Errorf("the server's version is %s, and 2.12 or later is needed", version)
	}
	if got := conn.MaxPayload(); got < minPayload {
		return fmt.Errorf("max_payload of the server is %d, and at least %d is needed: a record may have %d bytes; write max_payload: 4MB", got, minPayload, runtime.MaxRecord)
	}
	if cfg.Durability != "POWER_SAFE" {
		return nil
	}
	id, always, err := syncAlways(ctx, cfg.Monitor)
	switch {
	case err != nil:
		return fmt.Errorf("monitor of namespace %s cannot be read: %w", n.Name, err)
	case id != conn.ConnectedServerId():
		return fmt.Errorf("monitor of namespace %s is that of another server than url leads to", n.Name)
	case !always:
		return fmt.Errorf("durability POWER_SAFE of namespace %s needs sync_interval: always in the server's jetstream settings", n.Name)
	}
	return nil
}

// syncAlways asks the server at a monitoring address whether it syncs every
// write before it answers. No error contains the address.
func syncAlways(ctx context.Context, monitor string) (id string, always bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(monitor, "/")+"/jsz?config=true", nil)
	if err != nil {
		return "", false, errors.New("it is no address")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", false, errors.New("no server answers")
	}
	defer response.Body.Close()
	var jsz struct {
		ID     string `json:"server_id"`
		Config struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	}
	if err := json.NewDecoder(response.Body).Decode(&jsz); err != nil || jsz.ID == "" {
		return "", false, errors.New("what answers is no monitoring of a NATS server")
	}
	return jsz.ID, jsz.Config.SyncAlways, nil
}

// Verify reads every record and compares it with its checksum. It reports the
// damaged ones and returns the counts of each table. It only reads, one record
// at a time, so it may run while proxies serve the store.
func Verify(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, damaged func(table string, version int64)) ([]runtime.Verified, error) {
	db, err := connect(ctx, env, n, cfg)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var all []runtime.Verified
	for _, want := range streams(env, n, cfg) {
		v, err := verifyTable(ctx, db, want, damaged)
		all = append(all, v)
		if err != nil {
			return all, fmt.Errorf("table %s, behind %d records: %w", v.Table, v.Records, err)
		}
	}
	return all, nil
}

func verifyTable(ctx context.Context, db *DB, want jetstream.StreamConfig, damaged func(table string, version int64)) (runtime.Verified, error) {
	v := runtime.Verified{Table: want.Metadata[metaTable]}
	s, err := find(ctx, db, want)
	switch {
	case err != nil:
		return v, err
	case s == nil:
		return v, fmt.Errorf("stream %s does not exist", want.Name)
	}
	if err := compare(s.CachedInfo(), want); err != nil {
		return v, err
	}
	records := strings.TrimSuffix(want.Subjects[0], ">") + "r.>"
	for next := uint64(1); ; {
		raw, err := s.GetMsg(ctx, next, jetstream.WithGetMsgSubject(records))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return v, nil
		}
		if err != nil {
			return v, Error(ctx, err)
		}
		next = raw.Sequence + 1
		m := message{raw.Sequence, raw.Header, raw.Data}
		if m.deleted() {
			continue
		}
		v.Records++
		if m.check() != nil {
			v.Damaged++
			damaged(v.Table, m.version())
		}
	}
}
