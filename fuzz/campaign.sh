#!/usr/bin/env bash
# Runs every fuzz target for a while, each with its dictionary, and prints what came of it as a table.
#   fuzz/campaign.sh [--json] [SECONDS [TARGET...]]     60 seconds for each of all targets
# Exit code 0: nothing found; 1: a target crashed, hung or could not be built, its input is in fuzz/artifacts;
# 2: wrong usage; 3: something is not installed. Logs and what was found new: fuzz/found, which is not committed.
set -euo pipefail
cd "$(dirname "$0")/.."

json=false
if [ "${1-}" = --json ]; then
    json=true
    shift
fi
seconds=${1-60}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
    printf 'usage: fuzz/campaign.sh [--json] [SECONDS [TARGET...]]; %q is no number of seconds\n' "$seconds" >&2
    exit 2
fi

if ! cargo +nightly --version >/dev/null 2>&1; then
    printf 'fuzzing needs a nightly toolchain: rustup toolchain install nightly --profile minimal\n' >&2
    exit 3
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    printf 'fuzzing needs cargo-fuzz: cargo install cargo-fuzz\n' >&2
    exit 3
fi

known=$(cargo +nightly fuzz list)
targets=("${@:2}")
for target in "${targets[@]}"; do
    if ! grep -qx -- "$target" <<<"$known"; then
        printf 'no fuzz target %q; there are: %s\n' "$target" "$(tr '\n' ' ' <<<"$known")" >&2
        exit 2
    fi
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets <<<"$known"

# All that a target prints goes to its log. Inputs of more than 4 KiB reach nothing that shorter ones do not.
fuzz() {
    local target=$1 options=(-max_total_time="$seconds" -max_len=4096 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1)
    local dictionary=fuzz/dictionaries/$target.dict
    [ ! -f "$dictionary" ] || options+=(-dict="$dictionary")
    mkdir -p "fuzz/found/$target" "fuzz/corpus/$target"
    cargo +nightly fuzz run "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- "${options[@]}" \
        >"fuzz/found/$target.log" 2>&1
}

# The last number that libFuzzer printed behind a word.
last() {
    local number
    number=$(grep -aoE -- "$2 *[0-9]+" "$1" | tail -n 1 | grep -oE '[0-9]+$' || true)
    printf '%s' "${number:-0}"
}

if ! cargo +nightly fuzz build >&2; then
    printf 'the targets cannot be built: see above\n' >&2
    exit 1
fi
format='| %-10s | %7s | %11s | %8s | %6s | %9s | %7s | %-6s |\n'
if ! $json; then
    # shellcheck disable=SC2059
    printf "$format" target seconds executions 'a second' edges features inputs result
    printf '|---|---|---|---|---|---|---|---|\n'
fi
crashed=()
for target in "${targets[@]}"; do
    result=ok
    fuzz "$target" || result=crash
    log=fuzz/found/$target.log
    row=("$target" "$seconds" "$(last "$log" 'number_of_executed_units:')" "$(last "$log" 'average_exec_per_sec:')"
        "$(last "$log" 'cov:')" "$(last "$log" 'ft:')" "$(last "$log" 'corp:')" "$result")
    if $json; then
        printf '{"target":"%s","seconds":%s,"executions":%s,"per_second":%s,"edges":%s,"features":%s,"inputs":%s,"result":"%s"}\n' "${row[@]}"
    else
        # shellcheck disable=SC2059
        printf "$format" "${row[@]}"
    fi
    [ $result = ok ] || crashed+=("$target")
done
for target in "${crashed[@]}"; do
    printf '\n%s: the end of fuzz/found/%s.log\n' "$target" "$target" >&2
    tail -n 25 "fuzz/found/$target.log" >&2
done
[ ${#crashed[@]} -eq 0 ]
