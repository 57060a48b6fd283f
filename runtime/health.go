package runtime

import (
	"context"
	"log/slog"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// pingEvery is how often a store is pinged, and pingLimit how long it may take
// to answer.
const (
	pingEvery = 5 * time.Second
	pingLimit = 5 * time.Second
)

// watched is a namespace whose store may be unreachable while the process runs.
type watched struct {
	Namespace
	ping     func(context.Context) error
	services []string // and the namespace's name, as health calls them
	away     bool
}

// watch makes health answer SERVING for a namespace and its services. If the
// store is part of the process, that never changes.
func (s *Server) watch(n Namespace, store Store) {
	w := &watched{Namespace: n, ping: store.Ping, services: []string{n.Name}}
	for _, service := range store.Services {
		w.services = append(w.services, service.Name)
	}
	s.setHealth(w, healthpb.HealthCheckResponse_SERVING)
	if w.ping != nil {
		s.watched = append(s.watched, w)
	}
}

func (s *Server) setHealth(w *watched, status healthpb.HealthCheckResponse_ServingStatus) {
	for _, name := range w.services {
		s.health.SetServingStatus(name, status)
	}
}

// follow keeps health and the log up to date with a namespace's store until ctx
// ends. The proxy itself, which health calls "", is serving whatever its stores
// do.
func (s *Server) follow(ctx context.Context, w *watched) {
	tick := time.NewTicker(s.pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := w.once(ctx)
		switch {
		case ctx.Err() != nil || (err != nil) == w.away:
			continue
		case err != nil:
			s.log.LogAttrs(ctx, slog.LevelError, "the store is away", slog.String("namespace", w.Name), slog.String("backend", w.Backend), slog.String("cause", err.Error()))
			s.setHealth(w, healthpb.HealthCheckResponse_NOT_SERVING)
		default:
			s.log.LogAttrs(ctx, slog.LevelInfo, "the store is back", slog.String("namespace", w.Name), slog.String("backend", w.Backend))
			s.setHealth(w, healthpb.HealthCheckResponse_SERVING)
		}
		w.away = err != nil
	}
}

func (w *watched) once(ctx context.Context) (err error) {
	defer recovered(&err)
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	return w.ping(ctx)
}
