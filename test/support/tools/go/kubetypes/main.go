// The fields of Kubernetes' built-in types as JSON: what is decoded, what is left out where it is empty. Its OpenAPI does
// not say that; the Go types do.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var builders = []runtime.SchemeBuilder{
	admissionregistrationv1.SchemeBuilder, appsv1.SchemeBuilder, autoscalingv1.SchemeBuilder, autoscalingv2.SchemeBuilder,
	batchv1.SchemeBuilder, certificatesv1.SchemeBuilder, coordinationv1.SchemeBuilder, corev1.SchemeBuilder,
	discoveryv1.SchemeBuilder, eventsv1.SchemeBuilder, flowcontrolv1.SchemeBuilder, networkingv1.SchemeBuilder,
	nodev1.SchemeBuilder, policyv1.SchemeBuilder, rbacv1.SchemeBuilder, resourcev1.SchemeBuilder,
	schedulingv1.SchemeBuilder, storagev1.SchemeBuilder,
}

// Types that write themselves.
var scalars = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():    "quantity",
	reflect.TypeFor[intstr.IntOrString]():   "int-or-string",
	reflect.TypeFor[metav1.Time]():          "time",
	reflect.TypeFor[metav1.MicroTime]():     "micro-time",
	reflect.TypeFor[metav1.Duration]():      "duration",
	reflect.TypeFor[metav1.FieldsV1]():      "any",
	reflect.TypeFor[runtime.RawExtension](): "any",
	reflect.TypeFor[[]byte]():               "bytes",
}

type table struct {
	Kinds map[string]string   `json:"kinds"`
	Types map[string][]string `json:"types"`
}

func main() {
	scheme := runtime.NewScheme()
	for _, builder := range builders {
		if err := builder.AddToScheme(scheme); err != nil {
			panic(err)
		}
	}
	made := table{Kinds: map[string]string{}, Types: map[string][]string{}}
	for kind, kindType := range scheme.AllKnownTypes() {
		_, hasMetadata := kindType.FieldByName("ObjectMeta")
		if !hasMetadata {
			continue
		}
		made.Kinds[strings.TrimPrefix(kind.Group+"/"+kind.Version+"/"+kind.Kind, "/")] = made.name(kindType)
	}
	if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
		panic(err)
	}
}

// The name of a struct, which is put into the table with all that it leads to.
func (made *table) name(of reflect.Type) string {
	path := strings.Split(of.PkgPath(), "/")
	name := strings.Join(path[len(path)-2:], ".") + "." + of.Name()
	if _, there := made.Types[name]; !there {
		made.Types[name] = nil
		made.Types[name] = made.fields(of)
	}
	return name
}

func (made *table) fields(of reflect.Type) []string {
	fields := []string{}
	for i := range of.NumField() {
		field := of.Field(i)
		parts := strings.Split(field.Tag.Get("json"), ",")
		if parts[0] == "-" || !field.IsExported() {
			continue
		}
		if parts[0] == "" {
			if !field.Anonymous {
				panic(fmt.Sprintf("%v.%v has no name", of, field.Name))
			}
			fields = append(fields, made.fields(field.Type)...)
			continue
		}
		mark := ""
		for _, option := range parts[1:] {
			switch option {
			case "omitempty":
				mark += "?"
			case "omitzero":
				mark += "!"
			}
		}
		fields = append(fields, parts[0]+mark+" "+made.spell(field.Type))
	}
	sort.Strings(fields)
	return fields
}

func (made *table) spell(of reflect.Type) string {
	if name, ok := scalars[of]; ok {
		return name
	}
	switch of.Kind() {
	case reflect.Pointer:
		return "*" + made.spell(of.Elem())
	case reflect.Slice:
		return "[]" + made.spell(of.Elem())
	case reflect.Map:
		return "{}" + made.spell(of.Elem())
	case reflect.Struct:
		return made.name(of)
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		return of.Kind().String()
	case reflect.Uint8:
		return "uint8"
	default:
		panic(fmt.Sprintf("no spelling for %v", of))
	}
}
