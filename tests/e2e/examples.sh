#!/bin/sh
# etc/examples: what each file is for takes it, as far as Debian has a program that can say so, and every metric that is
# named there is one that the daemon has.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"
PATH=$PATH:/usr/sbin
EXAMPLES=$SRCDIR/etc/examples

# have PROGRAM FILE: whether there is a program to check the file with
have() {
    command -v "$1" >/dev/null && return
    echo "skipped: $2: there is no $1"
    return 1
}

# have_yaml FILE
have_yaml() {
    have python3 "$1" || return
    python3 -c 'import yaml' 2>/dev/null && return
    echo "skipped: $1: python3 has no yaml (apt-get install python3-yaml)"
    return 1
}

test_haproxy() {
    have haproxy haproxy.cfg || return 0
    haproxy -c -q -f "$EXAMPLES/haproxy.cfg" >"$WORK/said" 2>&1 || fail "haproxy: $(cat "$WORK/said")"
    grep -q WARNING "$WORK/said" && fail "haproxy: $(cat "$WORK/said")"
    return 0
}

# Its log files and its temporary ones are where only root may write.
test_nginx() {
    have nginx nginx.conf || return 0
    {
        printf 'pid %s/pid;\nerror_log stderr;\n' "$WORK"
        sed "s|^http {|http { access_log off; $(printf '%s_temp_path '"$WORK"'/%s;' client_body body proxy proxy \
            fastcgi fastcgi uwsgi uwsgi scgi scgi)|" "$EXAMPLES/nginx.conf"
    } >"$WORK/nginx.conf"
    nginx -t -q -p "$WORK" -c "$WORK/nginx.conf" >"$WORK/said" 2>&1 || fail "nginx: $(cat "$WORK/said")"
}

test_alerts() {
    have promtool prometheus-alerts.yml || return 0
    promtool check rules --lint-fatal "$EXAMPLES/prometheus-alerts.yml" >"$WORK/said" 2>&1 || fail "promtool: $(cat "$WORK/said")"
}

# Its queries, as rules that promtool can read.
test_dashboard() {
    have python3 grafana-dashboard.json || return 0
    python3 - "$EXAMPLES/grafana-dashboard.json" >"$WORK/queries.yml" <<'PYTHON' || fail "no dashboard"
import json, sys
panels = json.load(open(sys.argv[1]))["panels"]
assert len({panel["id"] for panel in panels}) == len(panels)
print("groups:\n- name: dashboard\n  rules:")
for panel in panels:
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
        print(f'  - record: panel:{panel["id"]}:{target["refId"]}\n    expr: {json.dumps(query)}')
PYTHON
    have promtool "queries of grafana-dashboard.json" || return 0
    promtool check rules "$WORK/queries.yml" >"$WORK/said" 2>&1 || fail "promtool: $(cat "$WORK/said")"
}

# Four objects, and arguments that clipgend knows: it gets as far as the bundle that is not there.
test_kubernetes() {
    have_yaml kubernetes.yaml || return 0
    python3 - "$EXAMPLES/kubernetes.yaml" >"$WORK/arguments" <<'PYTHON' || fail "no manifests"
import sys, yaml
objects = {o["kind"]: o for o in yaml.safe_load_all(open(sys.argv[1]))}
assert sorted(objects) == ["Deployment", "HorizontalPodAutoscaler", "PodMonitor", "Service"], sorted(objects)
pod = objects["Deployment"]["spec"]["template"]
labels = pod["metadata"]["labels"]
for selector in (objects["Deployment"]["spec"]["selector"]["matchLabels"], objects["Service"]["spec"]["selector"],
                 objects["PodMonitor"]["spec"]["selector"]["matchLabels"]):
    assert selector == labels, selector
container = pod["spec"]["containers"][0]
ports = {port["name"] for port in container["ports"]}
assert objects["Service"]["spec"]["ports"][0]["targetPort"] in ports
assert objects["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["port"] in ports
for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    assert container[probe]["httpGet"]["port"] in ports
assert objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == objects["Deployment"]["metadata"]["name"]
print("\n".join(container["args"]))
PYTHON
    # shellcheck disable=SC2046 # no spaces in them
    "$BUILDDIR/clipgend" $(cat "$WORK/arguments") --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
        --bundle /nonexistent/bundle >"$WORK/said" 2>&1 && fail "a bundle that is not there"
    grep -q 'daemon: .*/nonexistent/bundle' "$WORK/said" || fail "clipgend: $(cat "$WORK/said")"
}

# metrics: the names of all that the daemon has, one a line
metrics() {
    curl -sS "$URL/metrics" | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p; s/^\([a-z][a-z_]*\)[{ ].*/\1/p' | sort -u
}

test_names() {
    tiny_bundle
    start_daemon "$WORK/tiny"
    metrics >"$WORK/metrics"
    post '{"prompt":"a cat"}' /dev/null >/dev/null
    have promtool "what /metrics says" && {
        curl -sS "$URL/metrics" | promtool check metrics >"$WORK/said" 2>&1 || fail "promtool: $(cat "$WORK/said")"
        [ ! -s "$WORK/said" ] || fail "promtool: $(cat "$WORK/said")"
    }
    for file in prometheus-alerts.yml grafana-dashboard.json kubernetes.yaml; do
        grep -Eo '\bclipgen_[a-z_]+' "$EXAMPLES/$file" | sort -u >"$WORK/named"
        [ -s "$WORK/named" ] || fail "$file names no metrics"
        unknown=$(comm -23 "$WORK/named" "$WORK/metrics")
        [ -z "$unknown" ] || fail "$file: the daemon has no $unknown"
    done
    kill -TERM "$DAEMON"
    expect_exit 0
}

test_haproxy
test_nginx
test_alerts
test_dashboard
test_kubernetes
test_names
