package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Task is what a service does besides its calls, such as deleting expired
// records.
type Task struct {
	Name  string        // sweep
	Every time.Duration // from the end of one turn to the next; more than 0
	// Run does some of the work, within 60 s, and reports whether more may be
	// left; it is then called again. The tasks of a namespace run one after the
	// other, but tests may run them while the server does.
	Run func(ctx context.Context) (more bool, err error)
}

// taskTurn bounds how long a task is run repeatedly while others wait.
const taskTurn = 10 * time.Second

// tasks are the tasks of one namespace.
type tasks struct {
	namespace string
	log       *slog.Logger
	all       []*task
}

// task is a Task of a service with the time when it is due.
type task struct {
	Task
	service string
	due     time.Time
}

func (t *tasks) add(s Service) {
	for _, one := range s.Tasks {
		t.all = append(t.all, &task{Task: one, service: s.Name})
	}
}

// run gives each task its turns until ctx ends. It returns at once if there are
// no tasks.
func (t *tasks) run(ctx context.Context) {
	queue := slices.Clone(t.all)
	byDue := func(a, b *task) int { return a.due.Compare(b.due) }
	for _, one := range queue {
		one.due = time.Now().Add(one.Every)
	}
	slices.SortStableFunc(queue, byDue)
	for len(queue) > 0 {
		next := queue[0]
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next.due)):
		}
		if _, err := next.turn(ctx); err != nil && ctx.Err() == nil {
			t.log.LogAttrs(ctx, slog.LevelWarn, "task failed", slog.String("service", next.service), slog.String("task", next.Name),
				slog.String("namespace", t.namespace), slog.String("cause", err.Error()))
		}
		next.due = time.Now().Add(next.Every)
		at, _ := slices.BinarySearchFunc(queue[1:], next, byDue)
		copy(queue, queue[1:at+1])
		queue[at] = next
	}
}

// turn runs the task until nothing is left to do or its turn is over, and
// reports whether there was anything to do.
func (t *task) turn(ctx context.Context) (did bool, err error) {
	defer recovered(&err)
	for began := time.Now(); ; {
		more, err := t.once(ctx)
		did = did || more
		if !more || err != nil || time.Since(began) >= taskTurn {
			return did, err
		}
	}
}

// once is Run within the time that a call may take, so that a store that hangs
// does not block the other tasks.
func (t *task) once(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxDeadline)
	defer cancel()
	return t.Run(ctx)
}

// RunTasks gives each task of every service a turn of at most 10 s, due or not,
// and reports whether any had something to do. A task that fails or has very
// much to do does not block the others. The server runs its tasks without it.
func (s *Server) RunTasks(ctx context.Context) (did bool, err error) {
	for _, namespace := range s.tasks {
		for _, one := range namespace.all {
			more, failed := one.turn(ctx)
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("%s: %s: %w", one.service, one.Name, failed))
			}
			did = did || more
		}
	}
	return did, err
}
