// shunt as a fixture of a Go test: SHUNT=shunt go test ./examples/ci/fixture_test.go
package fixture

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const config = `
listeners: { edge: { bind: "127.0.0.1:0", routes: [{ upstream: app }] } }
upstreams: { app: { targets: ["builtin:hello"] } }
admin: { bind: "127.0.0.1:0" }
drain_timeout: 1s # what keeps a connection open need not hold up the test
`

type ready struct {
	Pid       int
	Admin     string
	Listeners map[string]struct{ TCP, UDP []string }
}

// startShunt runs shunt until the test ends, and tells what its ready file says.
func startShunt(t *testing.T, config string) (told ready) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "config.yaml")
	readyFile := filepath.Join(folder, "ready.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	name := os.Getenv("SHUNT")
	if name == "" {
		name = "shunt"
	}
	words := append(strings.Fields(name), "run", "-c", file, "--ready-file", readyFile)
	command := exec.Command(words[0], words[1:]...)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		if err := command.Wait(); err != nil {
			t.Errorf("shunt did not end cleanly: %v", err)
		}
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(readyFile)
		if err == nil {
			if err := json.Unmarshal(text, &told); err != nil {
				t.Fatal(err)
			}
			return told
		}
		if time.Now().After(end) {
			t.Fatal("shunt was not ready within 30 s")
		}
	}
}

func TestThroughShunt(t *testing.T) {
	told := startShunt(t, config)
	response, err := http.Get("http://" + told.Listeners["edge"].TCP[0] + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var seen struct{ Listener string }
	if err := json.NewDecoder(response.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	if seen.Listener != "edge" {
		t.Fatalf("listener %q answered", seen.Listener)
	}
}
