#!/bin/sh
# shunt as a fixture of a shell script: free ports, a file that says when it is ready, a clean exit.
#   SHUNT=shunt sh examples/ci/fixture.sh
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/config.yaml" <<'YAML'
listeners:
  edge: { bind: "127.0.0.1:0", routes: [{ upstream: app }] }
upstreams:
  app: { targets: ["builtin:hello"], faults: { latency: 20ms } }
admin: { bind: "127.0.0.1:0" }
YAML

${SHUNT:-shunt} run -c "$folder/config.yaml" --ready-file "$folder/ready.json" 2> "$folder/log" &
until [ -e "$folder/ready.json" ]; do
  kill -0 $! || { cat "$folder/log"; exit 1; }
  sleep 0.05
done
field() { sed -n "s/.*\"$1\":[^0-9]*\([0-9.:]*\).*/\1/p" "$folder/ready.json"; }

curl --silent --show-error --fail "http://$(field tcp)/" | grep '"listener": "edge"'
kill "$(field pid)"
wait $! || exit 1
echo "shunt ended cleanly"
