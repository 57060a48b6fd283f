package backendtest

import (
	"math"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
)

// account returns an account within all bounds, changed by the edits.
func account(edits ...func(*pb.Account)) *pb.Account {
	a := &pb.Account{AccountId: "id", Name: "hush", Age: 30, Consent: new(false)}
	for _, edit := range edits {
		edit(a)
	}
	return a
}

func (t *check) putAccount(a *pb.Account) error {
	_, err := t.Accounts.PutAccount(t.Context(), &pb.PutAccountRequest{Account: a})
	return err
}

var fieldCases = []testCase{
	{name: "bounds", rule: "a value outside its field's bounds is refused with the field's path, by put, swap and batch, and nothing is stored", run: func(t *check) {
		type row struct {
			name  string
			edit  func(*pb.Account)
			want  refusal
			field string
		}
		rows := []row{
			{"empty key", func(a *pb.Account) { a.AccountId = "" }, fieldRequired, "account_id"},
			{"short key", func(a *pb.Account) { a.AccountId = "a" }, fieldTooShort, "account_id"},
			{"long key", func(a *pb.Account) { a.AccountId = strings.Repeat("a", 17) }, fieldTooLong, "account_id"},
			{"NUL in key", func(a *pb.Account) { a.AccountId = "hush\x00" }, fieldCharset, "account_id"},
			{"unset required text", func(a *pb.Account) { a.Name = "" }, fieldRequired, "name"},
			{"long text", func(a *pb.Account) { a.Name = strings.Repeat("hush", 9) }, fieldTooLong, "name"},
			{"lengths count bytes", func(a *pb.Account) { a.Name = strings.Repeat("\u4e16", 11) }, fieldTooLong, "name"},
			{"short optional text", func(a *pb.Account) { a.Code = new("ab") }, fieldTooShort, "code"},
			{"empty optional text", func(a *pb.Account) { a.Code = new("") }, fieldTooShort, "code"},
			{"long optional text", func(a *pb.Account) { a.Code = new("123456789") }, fieldTooLong, "code"},
			{"below range", func(a *pb.Account) { a.Age = -1 }, fieldRange, "age"},
			{"above range", func(a *pb.Account) { a.Age = 151 }, fieldRange, "age"},
			{"far above range", func(a *pb.Account) { a.Age = math.MaxInt64 }, fieldRange, "age"},
			{"below range, no upper end", func(a *pb.Account) { a.Balance = new(int64(-101)) }, fieldRange, "balance"},
			{"above range of uint64", func(a *pb.Account) { a.Quota = 1001 }, fieldRange, "quota"},
			{"far above range of uint64", func(a *pb.Account) { a.Quota = math.MaxUint64 }, fieldRange, "quota"},
			{"unset required bool", func(a *pb.Account) { a.Consent = nil }, fieldRequired, "consent"},
			{"long indexed text", func(a *pb.Account) { a.Contact = &pb.Account_Email{Email: strings.Repeat("hush", 17)} }, fieldTooLong, "email"},
		}
		if t.has(schema.CanList) { // for values that are bounded only by an index
			rows = append(rows, []row{
				{"second before the year 1", func(a *pb.Account) { a.ConfirmedAt = at(-62135596801, 0) }, timeRange, "confirmed_at"},
				{"second after the year 9999", func(a *pb.Account) { a.ConfirmedAt = at(253402300800, 0) }, timeRange, "confirmed_at"},
				{"a second of nanos", func(a *pb.Account) { a.ConfirmedAt = at(0, 1e9) }, timeRange, "confirmed_at"},
				{"negative nanos", func(a *pb.Account) { a.ConfirmedAt = at(5, -1) }, timeRange, "confirmed_at"},
				{"NUL in indexed text", func(a *pb.Account) { a.Contact = &pb.Account_Email{Email: "hush\x00"} }, fieldCharset, "email"},
			}...)
		}
		for _, row := range rows {
			t.sub(row.name, func(t *check) {
				a := account(row.edit)
				t.refusedAt(t.putAccount(a), row.want, "account."+row.field)
				first := account(func(a *pb.Account) { a.AccountId = "first" })
				if t.has(schema.CanSwap) {
					_, err := t.Accounts.CompareAndSwapAccount(t.Context(), &pb.CompareAndSwapAccountRequest{Account: a})
					t.refusedAt(err, row.want, "account."+row.field)
				}
				if t.has(schema.CanBatch) {
					_, err := t.Accounts.BatchPutAccounts(t.Context(), &pb.BatchPutAccountsRequest{Accounts: []*pb.Account{first, a}})
					t.refusedAt(err, row.want, "accounts[1]."+row.field)
				}
				left(t, []*pb.Account{first, account()}, nil)
			})
		}
	}},
	{name: "all at once", rule: "an error names every field of the record that is wrong, once, in the order of key and numbers; its reason is that of the first", run: func(t *check) {
		a := account(func(a *pb.Account) {
			a.AccountId, a.Name, a.Code, a.Age, a.Balance, a.Consent = "a", "", new("ab"), 151, new(int64(-101)), nil
		})
		want := func(err error, record string) {
			t.Helper()
			t.equal("field", t.info(err, fieldTooShort).GetMetadata()["field"], record+".account_id")
			var got []string
			for _, v := range violations(err) {
				got = append(got, strings.TrimPrefix(v.GetField(), record+".")+" "+v.GetReason())
				if !strings.HasPrefix(v.GetDescription(), v.GetField()+" ") {
					t.Errorf("%s is described as %q", v.GetField(), v.GetDescription())
				}
			}
			t.equal("violations", strings.Join(got, ", "), "account_id FIELD_TOO_SHORT, name FIELD_REQUIRED, code FIELD_TOO_SHORT, age FIELD_RANGE, balance FIELD_RANGE, consent FIELD_REQUIRED")
		}
		want(t.putAccount(a), "account")
		if t.has(schema.CanSwap) {
			_, err := t.Accounts.CompareAndSwapAccount(t.Context(), &pb.CompareAndSwapAccountRequest{Account: a})
			want(err, "account")
		}
		if t.has(schema.CanBatch) {
			_, err := t.Accounts.BatchPutAccounts(t.Context(), &pb.BatchPutAccountsRequest{Accounts: []*pb.Account{account(), a}})
			want(err, "accounts[1]")
		}
	}},
	{name: "all of a batch at once", rule: "an error of a batch names what is wrong with each of its items, in their order, and not more than 20", needs: schema.CanBatch, run: func(t *check) {
		nameless := account(func(a *pb.Account) { a.AccountId, a.Name = "nameless", "" })
		old := account(func(a *pb.Account) { a.AccountId, a.Age = "old", 151 })
		list := func(err error) string {
			var got []string
			for _, v := range violations(err) {
				got = append(got, v.GetField()+" "+v.GetReason())
			}
			return strings.Join(got, ", ")
		}
		_, err := t.Accounts.BatchPutAccounts(t.Context(), &pb.BatchPutAccountsRequest{Accounts: []*pb.Account{account(), nameless, account(), old}})
		t.equal("violations", list(err), "accounts[1].name FIELD_REQUIRED, accounts[2] BATCH_DUPLICATE, accounts[3].age FIELD_RANGE")
		t.equal("field", t.info(err, fieldRequired).GetMetadata()["field"], "accounts[1].name")
		_, err = t.Accounts.BatchGetAccounts(t.Context(), &pb.BatchGetAccountsRequest{Keys: []*pb.AccountKey{{}, {AccountId: "ab"}, {AccountId: "a"}}})
		t.equal("violations of keys", list(err), "keys[0].account_id FIELD_REQUIRED, keys[2].account_id FIELD_TOO_SHORT")
		many := make([]*pb.Account, 50)
		for i := range many {
			many[i] = nameless
		}
		_, err = t.Accounts.BatchPutAccounts(t.Context(), &pb.BatchPutAccountsRequest{Accounts: many})
		t.equal("violations of 50", len(violations(err)), 20)
		left(t, []*pb.Account{account(), nameless, old}, nil)
	}},
	{name: "limits in errors", rule: "an error of a bound tells what it got and what the limit is", run: func(t *check) {
		t.refused(t.putAccount(account(func(a *pb.Account) { a.Name = strings.Repeat("hush", 9) })), fieldTooLong, "got", "36", "limit", "32")
		t.refused(t.putAccount(account(func(a *pb.Account) { a.Code = new("ab") })), fieldTooShort, "got", "2", "limit", "3")
	}},
	{name: "within bounds", rule: "the ends of every bound are within it, and an absent optional field keeps all", run: func(t *check) {
		for _, edit := range []func(*pb.Account){
			func(*pb.Account) {},
			func(a *pb.Account) { a.AccountId, a.Name, a.Code = "ab", "n", new("abc") },
			func(a *pb.Account) {
				a.AccountId, a.Name, a.Code = strings.Repeat("a", 16), strings.Repeat("n", 32), new("abcdefgh")
			},
			func(a *pb.Account) { a.Name = strings.Repeat("\u4e16", 10) + "ab" },
			func(a *pb.Account) { a.Age, a.Balance, a.Quota = 0, new(int64(-100)), 1000 },
			func(a *pb.Account) { a.Age, a.Balance, a.Quota = 150, new(int64(math.MaxInt64)), 0 },
			func(a *pb.Account) { a.ConfirmedAt = at(-62135596800, 0) },
			func(a *pb.Account) { a.ConfirmedAt = at(253402300799, 999999999) },
			func(a *pb.Account) { a.Contact = &pb.Account_Email{} },
			func(a *pb.Account) { a.Contact = &pb.Account_Extension{Extension: math.MinInt64} },
		} {
			a := account(edit)
			t.ok(t.putAccount(a))
			out, err := t.Accounts.GetAccount(t.Context(), &pb.GetAccountRequest{Key: &pb.AccountKey{AccountId: a.AccountId}})
			t.ok(err)
			t.equal("the record", out.GetRecord().GetAccount(), a)
		}
	}},
	{name: "keys", rule: "a key in a request keeps the bounds of the key", run: func(t *check) {
		for _, row := range []struct {
			id   string
			want refusal
		}{
			{"", fieldRequired},
			{"hush\x00", fieldCharset},
			{strings.Repeat("hush", 33), fieldTooLong},
			{strings.Repeat("\u4e16", 43), fieldTooLong},
		} {
			_, err := t.get(row.id)
			t.refusedAt(err, row.want, "key.item_id")
			_, err = t.delete(row.id, 0)
			t.refusedAt(err, row.want, "key.item_id")
			_, err = t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: &pb.Item{ItemId: row.id}})
			t.refusedAt(err, row.want, "item.item_id")
			if !t.has(schema.CanBatch) {
				continue
			}
			_, err = t.batchGet("a", row.id)
			t.refusedAt(err, row.want, "keys[1].item_id")
			_, err = t.batchDelete("a", row.id)
			t.refusedAt(err, row.want, "keys[1].item_id")
		}
		t.put(item(strings.Repeat("a", 128)), item(strings.Repeat("\u4e16", 42)))
	}},
	{name: "time keys", rule: "a Timestamp in a key is set and a time", run: func(t *check) {
		for _, row := range []struct {
			e     *pb.Event
			want  refusal
			field string
		}{
			{&pb.Event{Tenant: "t", Name: "n"}, fieldRequired, "event.at"},
			{&pb.Event{Tenant: "t", Name: "n", At: at(0, -1)}, timeRange, "event.at"},
			{&pb.Event{Tenant: "t", Name: "n", At: at(0, 1e9)}, timeRange, "event.at"},
			{&pb.Event{Tenant: "t", Name: "n", At: at(math.MaxInt64, 0)}, timeRange, "event.at"},
			{&pb.Event{Tenant: "t", Name: "n", At: at(math.MinInt64, 0)}, timeRange, "event.at"},
			{&pb.Event{Tenant: "t", At: at(0, 0)}, fieldRequired, "event.name"},
			{&pb.Event{Name: "n", At: at(0, 0)}, fieldRequired, "event.tenant"},
		} {
			_, err := t.Events.PutEvent(t.Context(), &pb.PutEventRequest{Event: row.e})
			t.refusedAt(err, row.want, row.field)
		}
		_, err := t.Events.PutEvent(t.Context(), &pb.PutEventRequest{Event: &pb.Event{Tenant: "t", Name: "n", At: at(0, 0)}})
		t.ok(err)
	}},
	{name: "plain values", rule: "what is neither key nor indexed may hold NUL and times that are none, and comes back exactly", run: func(t *check) {
		e := &pb.Event{
			Tenant: "t", Name: "n", At: at(0, 0), Remark: "\x00 a \x00", Reviewer: new("\x00"), SeenAt: at(math.MinInt64, -5), Size: new(uint64(math.MaxUint64)), Drift: math.MinInt32, Tags: []string{"\x00", ""},
		}
		_, err := t.Events.PutEvent(t.Context(), &pb.PutEventRequest{Event: e})
		t.ok(err)
		out, err := t.Events.GetEvent(t.Context(), &pb.GetEventRequest{Key: &pb.EventKey{Tenant: "t", Name: "n", At: at(0, 0)}})
		t.ok(err)
		t.equal("the record", out.GetRecord().GetEvent(), e)
	}},
	{name: "oneof", needs: schema.CanList, rule: "the member of a oneof that is set is in its index, and the others are in none", run: func(t *check) {
		t.ok(t.putAccount(account(func(a *pb.Account) { a.Contact = &pb.Account_Email{Email: "x@"} })))
		t.contacts("x@", 0, "id", "")
		t.ok(t.putAccount(account(func(a *pb.Account) { a.Contact = &pb.Account_Extension{Extension: 0} })))
		t.contacts("x@", 0, "", "id")
		t.ok(t.putAccount(account(func(a *pb.Account) { a.Contact = &pb.Account_Branch{Branch: &pb.Branch{}} })))
		t.contacts("x@", 0, "", "")
		t.ok(t.putAccount(account()))
		t.contacts("", 0, "", "")
	}},
	{name: "nothing leaks", rule: "an error of a record holds no value of its fields", run: func(t *check) {
		err := t.putAccount(account(func(a *pb.Account) { a.AccountId, a.Code = "hush", new("hush hush") }))
		t.refusedAt(err, fieldTooLong, "account.code")
		if text := status.Convert(err).Message(); !strings.HasPrefix(text, "PutAccount: account.code ") {
			t.Errorf("the text does not begin with the operation and the field: %s", text)
		}
	}},
}

// contacts demands the accounts that the Finds by the oneof's members answer.
func (t *check) contacts(email string, extension int64, byEmail, byExtension string) {
	t.Helper()
	emails, err := t.Accounts.FindAccountsByEmail(t.Context(), &pb.FindAccountsByEmailRequest{By: &pb.FindAccountsByEmailRequest_By{Email: email}})
	t.ok(err)
	extensions, err := t.Accounts.FindAccountsByExtension(t.Context(), &pb.FindAccountsByExtensionRequest{By: &pb.FindAccountsByExtensionRequest_By{Extension: extension}})
	t.ok(err)
	for _, row := range []struct {
		what    string
		records []*pb.AccountRecord
		want    string
	}{{"by email", emails.GetRecords(), byEmail}, {"by extension", extensions.GetRecords(), byExtension}} {
		got := ""
		for _, r := range row.records {
			got += r.GetAccount().GetAccountId()
		}
		t.equal(row.what, got, row.want)
	}
}
