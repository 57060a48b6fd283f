package source

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/api/visibility"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/context/attribute_context"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/http"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/genproto/googleapis/type/calendarperiod"
	"google.golang.org/genproto/googleapis/type/color"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/datetime"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/decimal"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/genproto/googleapis/type/fraction"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/localized_text"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/month"
	"google.golang.org/genproto/googleapis/type/phone_number"
	"google.golang.org/genproto/googleapis/type/postaladdress"
	"google.golang.org/genproto/googleapis/type/quaternion"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// common returns the files of googleapis that most schemas share, by path. A copy
// in a folder of the user's comes before them.
var common = sync.OnceValue(func() map[string]protoreflect.FileDescriptor {
	files := map[string]protoreflect.FileDescriptor{}
	for _, f := range []protoreflect.FileDescriptor{
		annotations.File_google_api_annotations_proto, annotations.File_google_api_client_proto,
		annotations.File_google_api_field_behavior_proto, annotations.File_google_api_field_info_proto,
		annotations.File_google_api_http_proto, annotations.File_google_api_resource_proto,
		annotations.File_google_api_routing_proto, httpbody.File_google_api_httpbody_proto,
		visibility.File_google_api_visibility_proto,
		code.File_google_rpc_code_proto, attribute_context.File_google_rpc_context_attribute_context_proto,
		errdetails.File_google_rpc_error_details_proto, http.File_google_rpc_http_proto, status.File_google_rpc_status_proto,
		calendarperiod.File_google_type_calendar_period_proto, color.File_google_type_color_proto,
		date.File_google_type_date_proto, datetime.File_google_type_datetime_proto,
		dayofweek.File_google_type_dayofweek_proto, decimal.File_google_type_decimal_proto,
		expr.File_google_type_expr_proto, fraction.File_google_type_fraction_proto,
		interval.File_google_type_interval_proto, latlng.File_google_type_latlng_proto,
		localized_text.File_google_type_localized_text_proto, money.File_google_type_money_proto,
		month.File_google_type_month_proto, phone_number.File_google_type_phone_number_proto,
		postaladdress.File_google_type_postal_address_proto, quaternion.File_google_type_quaternion_proto,
		timeofday.File_google_type_timeofday_proto,
	} {
		addCommon(files, f)
	}
	return files
})

// addCommon adds a file and what it imports of googleapis.
func addCommon(files map[string]protoreflect.FileDescriptor, f protoreflect.FileDescriptor) {
	if strings.HasPrefix(f.Path(), "google/protobuf/") || files[f.Path()] != nil {
		return
	}
	files[f.Path()] = f
	for i := range f.Imports().Len() {
		addCommon(files, f.Imports().Get(i).FileDescriptor)
	}
}

// resolver finds imports: options.proto as this compiler understands it, then
// what a folder has, the first one first, then what comes with the compiler.
func resolver(folders []Folder) protocompile.Resolver {
	return protocompile.ResolverFunc(func(name string) (protocompile.SearchResult, error) {
		if name == prismv1.Path {
			return protocompile.SearchResult{Source: strings.NewReader(prismv1.Source)}, nil
		}
		for _, folder := range folders {
			f, err := folder.FS.Open(name)
			switch {
			case err == nil:
				return protocompile.SearchResult{Source: f}, nil
			case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
				return protocompile.SearchResult{}, err
			}
		}
		if f := common()[name]; f != nil {
			return protocompile.SearchResult{Proto: protodesc.ToFileDescriptorProto(f)}, nil
		}
		return protocompile.SearchResult{}, &missingError{name}
	})
}

// missingError says that an import is nowhere.
type missingError struct{ name string }

func (e *missingError) Error() string { return "no such file" }

func (e *missingError) diagnostic(at schema.Source, folders []Folder) schema.Diagnostic {
	var names []string
	for _, f := range folders {
		names = append(names, f.Name)
	}
	return schema.NewDiagnostic(schema.RuleImportMissing, at,
		fmt.Sprintf("%s is not in %s, and does not come with the compiler", e.name, strings.Join(names, ", ")),
		fmt.Sprintf("correct the path, or add the folder in which %s stands to import_paths in prism.yaml", e.name))
}
