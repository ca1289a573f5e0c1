// What Flux makes of a source, for tests that compare: the libraries of kustomize-controller and helm-controller, put
// together as those controllers do it up to the point where objects are applied.
//
// Each line of stdin is a request in JSON; each line of stdout answers one.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/chartutil"
	"github.com/fluxcd/pkg/envsubst"
	generator "github.com/fluxcd/pkg/kustomize"
	"github.com/fluxcd/pkg/ssa/normalize"
	ssautil "github.com/fluxcd/pkg/ssa/utils"
	"github.com/go-logr/logr"
	"helm.sh/helm/v4/pkg/chart/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/yaml"
)

type request struct {
	Op string `json:"op"`

	// build: the folder of the artifact, and the Kustomization's spec. Variables are in spec.postBuild.substitute.
	Root string                 `json:"root"`
	Spec map[string]interface{} `json:"spec"`

	// substitute, and object (with spec)
	Text      string            `json:"text"`
	Variables map[string]string `json:"variables"`

	// print, normalize
	Value json.RawMessage `json:"value"`

	// values
	Inline     map[string]interface{}       `json:"inline"`
	References []meta.ValuesReference       `json:"references"`
	Objects    map[string]map[string]string `json:"objects"`
}

type answer struct {
	Objects []*unstructured.Unstructured `json:"objects,omitempty"`
	Names   []string                     `json:"names,omitempty"`
	Text    *string                      `json:"text,omitempty"`
	Values  common.Values                `json:"values,omitempty"`
	Error   string                       `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) == 0 && err != nil {
			return
		}
		var asked request
		if failed := json.Unmarshal(line, &asked); failed != nil {
			fmt.Fprintln(os.Stderr, failed)
			os.Exit(1)
		}
		said, failed := json.Marshal(guard(asked))
		if failed != nil {
			fmt.Fprintln(os.Stderr, failed)
			os.Exit(1)
		}
		out.Write(said)
		out.WriteByte('\n')
		out.Flush()
	}
}

// guard answers with an error where a controller would have recovered from a panic.
func guard(asked request) (said answer) {
	defer func() {
		if caught := recover(); caught != nil {
			said = answer{Error: fmt.Sprintf("panic: %v", caught)}
		}
	}()
	said, err := handle(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return said
}

func handle(asked request) (answer, error) {
	switch asked.Op {
	case "build":
		objects, err := build(asked)
		return answer{Objects: objects}, err
	case "object":
		objects, err := substituted(asked)
		return answer{Objects: objects}, err
	case "substitute":
		text, err := envsubst.Eval(asked.Text, func(name string) (string, bool) {
			value, exists := asked.Variables[name]
			return value, exists
		})
		return answer{Text: &text}, err
	case "print":
		printed, err := yaml.JSONToYAML(asked.Value)
		text := string(printed)
		return answer{Text: &text}, err
	case "normalize":
		var object unstructured.Unstructured
		if err := json.Unmarshal(asked.Value, &object); err != nil {
			return answer{}, err
		}
		objects := []*unstructured.Unstructured{&object}
		return answer{Objects: objects}, normalize.UnstructuredList(objects)
	case "narrow":
		return answer{Names: narrow()}, nil
	case "values":
		values, err := values(asked)
		return answer{Values: values}, err
	}
	return answer{}, fmt.Errorf("no such op %q", asked.Op)
}

// build is KustomizationReconciler.reconcile from the artifact to the objects, without decryption and owner labels.
func build(asked request) ([]*unstructured.Unstructured, error) {
	path, _ := asked.Spec["path"].(string)
	folder, err := securejoin.SecureJoin(asked.Root, path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("kustomization path not found: %w", err)
	}
	kustomization := unstructured.Unstructured{Object: map[string]interface{}{
		"apiVersion": "kustomize.toolkit.fluxcd.io/v1",
		"kind":       "Kustomization",
		"metadata":   map[string]interface{}{"name": "app", "namespace": "apps"},
		"spec":       asked.Spec,
	}}
	if _, err := generator.NewGenerator(asked.Root, kustomization).WriteFile(folder); err != nil {
		return nil, err
	}
	built, err := generator.SecureBuild(asked.Root, folder, false)
	if err != nil {
		return nil, fmt.Errorf("kustomize build failed: %w", err)
	}
	for _, each := range built.Resources() {
		if each.GetName() == "" || each.GetKind() == "" || each.GetApiVersion() == "" {
			return nil, fmt.Errorf("failed to decode Kubernetes apiVersion, kind and name from: %v", each.String())
		}
		if _, ok := asked.Spec["postBuild"].(map[string]interface{}); !ok {
			continue
		}
		changed, err := generator.SubstituteVariables(context.Background(), nil, kustomization, each,
			generator.SubstituteWithDryRun(true),
			generator.SubstituteWithStrict(true),
			generator.SubstituteWithAlways(isAlways(asked.Spec)))
		if err != nil {
			return nil, fmt.Errorf("post build failed for '%s/%s': %w", each.GetGvk(), each.GetName(), err)
		}
		if changed != nil {
			if _, err := built.Replace(each); err != nil {
				return nil, err
			}
		}
	}
	printed, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("kustomize build failed: %w", err)
	}
	objects, err := ssautil.ReadObjects(bytes.NewReader(printed))
	if err != nil {
		return nil, err
	}
	if common, ok := asked.Spec["commonMetadata"].(map[string]interface{}); ok {
		ssautil.SetCommonMetadata(objects, texts(common["labels"]), texts(common["annotations"]))
	}
	return objects, nil
}

// substituted is what becomes of one object, read as a resource of a kustomization, without a whole build around it.
func substituted(asked request) ([]*unstructured.Unstructured, error) {
	each, err := provider.NewDefaultDepProvider().GetResourceFactory().FromBytes([]byte(asked.Text))
	if err != nil {
		return nil, err
	}
	kustomization := unstructured.Unstructured{Object: map[string]interface{}{"spec": asked.Spec}}
	if _, err := generator.SubstituteVariables(context.Background(), nil, kustomization, each,
		generator.SubstituteWithDryRun(true),
		generator.SubstituteWithStrict(true),
		generator.SubstituteWithAlways(isAlways(asked.Spec))); err != nil {
		return nil, err
	}
	printed, err := each.AsYAML()
	if err != nil {
		return nil, err
	}
	return ssautil.ReadObjects(bytes.NewReader(printed))
}

func isAlways(spec map[string]interface{}) bool {
	strategy, _, _ := unstructured.NestedString(spec, "postBuild", "substituteStrategy")
	return strategy == "Always"
}

func texts(value interface{}) map[string]string {
	found := map[string]string{}
	if entries, ok := value.(map[string]interface{}); ok {
		for key, each := range entries {
			found[key], _ = each.(string)
		}
	}
	return found
}

// values is what a HelmRelease in the namespace `apps` would render with. Objects are called `ConfigMap/name`.
func values(asked request) (common.Values, error) {
	var objects []client.Object
	for name, data := range asked.Objects {
		kind, name, _ := strings.Cut(name, "/")
		about := metav1.ObjectMeta{Namespace: "apps", Name: name}
		if kind == "ConfigMap" {
			objects = append(objects, &corev1.ConfigMap{ObjectMeta: about, Data: data})
			continue
		}
		secret := &corev1.Secret{ObjectMeta: about, Data: map[string][]byte{}}
		for key, value := range data {
			secret.Data[key] = []byte(value)
		}
		objects = append(objects, secret)
	}
	kube := fake.NewClientBuilder().WithObjects(objects...).Build()
	return chartutil.ChartValuesFromReferences(context.Background(), logr.Discard(), kube, "apps", asked.Inline, asked.References...)
}

// narrow is the names of all fields that hold integers of 32 bits in the types that normalize knows.
func narrow() []string {
	names, seen := map[string]bool{}, map[reflect.Type]bool{}
	var visit func(name string, of reflect.Type)
	visit = func(name string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(name, of.Elem())
		case reflect.Int32, reflect.Int, reflect.Uint32:
			names[name] = true
		case reflect.Struct:
			// What reads itself from JSON sees when a number is too large.
			if _, ok := reflect.PointerTo(of).MethodByName("UnmarshalJSON"); ok || seen[of] {
				return
			}
			seen[of] = true
			for i := 0; i < of.NumField(); i++ {
				each, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
				visit(each, of.Field(i).Type)
			}
		}
	}
	for _, each := range scheme.Scheme.AllKnownTypes() {
		visit("", each)
	}
	var found []string
	for name := range names {
		found = append(found, name)
	}
	sort.Strings(found)
	return found
}
