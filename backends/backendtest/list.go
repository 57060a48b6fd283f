package backendtest

// lister is the answer of a method that lists records.
type lister[R any] interface {
	GetRecords() []R
	GetNextPageToken() string
}

// maxPages ends a list that never ends.
const maxPages = 5000

// pages reads a list to its end and returns its pages.
func pages[R any, A lister[R]](t *check, read func(token string) (A, error)) [][]R {
	t.Helper()
	var list [][]R
	for token := ""; ; {
		page, err := read(token)
		t.ok(err)
		list = append(list, page.GetRecords())
		if token = page.GetNextPageToken(); token == "" {
			return list
		}
		if len(list) == maxPages {
			t.Fatalf("the list has not ended after %d pages", maxPages)
		}
	}
}

// all reads a list to its end and returns its records.
func all[R any, A lister[R]](t *check, read func(token string) (A, error)) []R {
	t.Helper()
	var records []R
	for _, page := range pages(t, read) {
		records = append(records, page...)
	}
	return records
}
