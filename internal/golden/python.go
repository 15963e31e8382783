package golden

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Python runs a script that needs a library, and returns what it prints. Where Python or the library is missing, the test is
// skipped. NAT_PYTHON names another interpreter than the system's.
func Python(t *testing.T, library, script string, args ...string) string {
	t.Helper()
	interpreter := os.Getenv("NAT_PYTHON")
	if interpreter == "" {
		interpreter = "/usr/bin/python3"
	}
	var failed *exec.ExitError
	out, err := exec.Command(interpreter, append([]string{"-B", script}, args...)...).Output()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Skip("Python is not installed")
	case errors.As(err, &failed) && strings.Contains(string(failed.Stderr), "No module named"):
		t.Skipf("%s is not installed for %s: nothing is compared with it", library, interpreter)
	case errors.As(err, &failed):
		t.Fatalf("%s: %v: %s", script, err, failed.Stderr)
	case err != nil:
		t.Fatal(err)
	}
	return string(out)
}
