"""shunt as a fixture of a Python test. SHUNT=shunt python3 examples/ci/fixture.py"""

import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import tempfile
import time
import urllib.request

CONFIG = {
    "listeners": {"edge": {"bind": "127.0.0.1:0", "routes": [{"upstream": "app"}]}},
    "upstreams": {"app": {"targets": ["builtin:hello"]}},
    "admin": {"bind": "127.0.0.1:0"},
}


@contextlib.contextmanager
def shunt(config):
    """Runs shunt; gives what its ready file says."""
    with tempfile.TemporaryDirectory() as folder:
        # JSON is YAML.
        file = pathlib.Path(folder, "config.yaml")
        file.write_text(json.dumps(config))
        ready = pathlib.Path(folder, "ready.json")
        command = shlex.split(os.environ.get("SHUNT", "shunt"))
        process = subprocess.Popen([*command, "run", "-c", file, "--ready-file", ready])
        try:
            while not ready.exists():
                assert process.poll() is None, "shunt ended before it was ready"
                time.sleep(0.05)
            yield json.loads(ready.read_text())
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0, "shunt did not end cleanly"


def set_faults(ready, upstream, faults):
    """Changes what shunt does on purpose, while it runs."""
    request = urllib.request.Request(
        f"http://{ready['admin']}/api/upstreams/{upstream}",
        method="PATCH",
        data=json.dumps({"faults": faults}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


if __name__ == "__main__":
    with shunt(CONFIG) as ready:
        url = f"http://{ready['listeners']['edge']['tcp'][0]}/"
        assert json.load(urllib.request.urlopen(url))["listener"] == "edge"
        set_faults(ready, "app", {"latency": "100ms"})
        began = time.monotonic()
        urllib.request.urlopen(url).close()
        assert time.monotonic() - began >= 0.2
    print("shunt ended cleanly")
