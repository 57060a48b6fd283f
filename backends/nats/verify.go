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
func verifyServer(ctx context.Context, env *runtime.Env, n runtime.Namespace, cfg Config, conn *driver.Conn) error {
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
	return verifySync(ctx, env, n, strings.Split(cfg.Monitor, ","), conn.ConnectedServerId())
}

// verifySync refuses servers that do not sync every write before they answer:
// each server of a cluster acknowledges writes. One that does not answer is
// logged, since a cluster serves without it; connected, the id of the server
// that the proxy is connected to, must.
func verifySync(ctx context.Context, env *runtime.Env, n runtime.Namespace, monitors []string, connected string) error {
	ids, size, lax := map[string]bool{}, 1, 0
	var silent []error
	for i, one := range monitors {
		s, err := syncOf(ctx, strings.TrimSpace(one))
		if err != nil {
			silent = append(silent, err)
			if len(monitors) > 1 {
				env.Log.Warn("POWER_SAFE is not verified of a server", "namespace", n.Name, "monitor", fmt.Sprintf("%d of %d", i+1, len(monitors)), "cause", err.Error())
			}
			continue
		}
		if !s.Config.SyncAlways {
			lax = i + 1
		}
		ids[s.ID], size = true, max(size, s.Cluster.Size)
	}
	switch {
	case len(ids) == 0:
		return fmt.Errorf("monitor of namespace %s cannot be read: %w", n.Name, silent[0])
	case len(ids)+len(silent) < size:
		return fmt.Errorf("durability POWER_SAFE of namespace %s is read from every server: the cluster has %d, and monitor names %d; write the monitoring address of each, with commas between them", n.Name, size, len(ids)+len(silent))
	case !ids[connected]:
		return fmt.Errorf("monitor of namespace %s is that of another server than url leads to", n.Name)
	case lax > 0:
		return fmt.Errorf("durability POWER_SAFE of namespace %s needs sync_interval: always in the jetstream settings of every server (monitor %d of %d has another)", n.Name, lax, len(monitors))
	}
	return nil
}

// jetStream is what the monitoring of a server says.
type jetStream struct {
	ID     string `json:"server_id"`
	Config struct {
		SyncAlways bool `json:"sync_always"`
	} `json:"config"`
	Cluster struct {
		Size int `json:"cluster_size"`
	} `json:"meta_cluster"`
}

// syncOf asks the server at a monitoring address. No error contains the address.
func syncOf(ctx context.Context, monitor string) (s jetStream, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(monitor, "/")+"/jsz?config=true", nil)
	if err != nil {
		return s, errors.New("it is no address")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return s, errors.New("no server answers")
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&s); err != nil || s.ID == "" {
		return s, errors.New("what answers is no monitoring of a NATS server")
	}
	return s, nil
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
