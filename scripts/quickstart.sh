#!/usr/bin/env bash
# From a fresh Debian 12 machine to a tuned matmul: installs, builds, tunes gmm:1,512,512,512, exports it, runs it from
# C++ and C, and prints a table. A second run takes what the search takes. TRIALS=N changes the number of trials (64).
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
step="setting up"
trap 'echo "error: quickstart failed while $step" >&2' ERR
set -E

tilewright_setup
cd "$tilewright_root"
build=build
work=$build/quickstart
workload=gmm:1,512,512,512
size=512
trials=${TRIALS:-64}
tilewright=$build/bin/tilewright

step="configuring"
echo "== configure"
tilewright_configure "$build" -DCMAKE_BUILD_TYPE=Release
step="building (see $build/build.log)"
echo "== build (the first time takes some minutes)"
targets=(tilewright-cli tilewright-builder tilewright-runner tilewright_runtime_shared deploy_cpp deploy_c peer_gemm)
if [ -t 1 ]; then
  cmake --build "$build" --target "${targets[@]}"
else
  cmake --build "$build" --target "${targets[@]}" >"$build/build.log" 2>&1 || { grep -nE 'error|FAILED' -A5 "$build/build.log" | head -40 >&2; false; }
fi

rm -rf "$work"
mkdir -p "$work"
step="tuning"
echo "== tune $workload, $trials trials"
"$tilewright" tune "$workload" --trials "$trials" --time-limit 300 --log "$work/gmm.log" --out "$work/gmm.so" --json >"$work/tune.txt"
sed '$d' "$work/tune.txt"

step="running the exported library"
echo "== run $work/gmm.so from programs that link libtilewright_runtime.so only"
"$build/bin/deploy_cpp" "$work/gmm.so" $size
"$build/bin/deploy_c" "$work/gmm.so" $size
step="checking the exported library"
"$tilewright" run "$work/gmm.so" --check "$workload" | sed 's/^/check: /'

step="comparing"
echo "== compare"
# OpenBLAS chooses its kernels by a list of known CPUs and takes old ones on newer CPUs: name the family.
if [ -z "${OPENBLAS_CORETYPE:-}" ]; then
  if grep -qw avx512bw /proc/cpuinfo; then export OPENBLAS_CORETYPE=SkylakeX
  elif grep -qw avx2 /proc/cpuinfo; then export OPENBLAS_CORETYPE=Haswell
  fi
fi
"$tilewright" bench "$workload" --log "$work/gmm.log" --json >"$work/bench.txt"
# field NAME FILE: a number of the JSON object on the last line.
field() { tail -1 "$2" | sed -n "s/.*\"$1\":\([-0-9.e+]*\).*/\1/p"; }
peer() { "$build/bin/peer_gemm" "$1" $size 2>/dev/null || true; }
least() { sort -g "$1" | head -1; }
naive_ms=$(field naive_ms "$work/bench.txt")
first=$(field first_gflops "$work/tune.txt")
trials=$(field trials "$work/tune.txt")  # fewer when the machine is slow
field ms "$work/bench.txt" >"$work/tuned.ms"
# In turns, and the best of each: other programs on the machine disturb all alike.
for _ in 1 2 3; do
  peer openblas >>"$work/openblas.ms"
  peer onednn >>"$work/onednn.ms"
  "$tilewright" run "$work/gmm.so" --json >"$work/run.txt"
  field ms "$work/run.txt" >>"$work/tuned.ms"
done
openblas_ms=$(least "$work/openblas.ms")
onednn_ms=$(least "$work/onednn.ms")
tuned_ms=$(least "$work/tuned.ms")
row() {  # name, ms
  [ -n "$2" ] && awk -v name="$1" -v ms="$2" -v n=$size -v tuned="$tuned_ms" \
    'BEGIN { printf "  %-42s %10.3f %10.1f %9.2f\n", name, ms, 2e-6 * n * n * n / ms, tuned / ms }'
  return 0
}
echo
printf '  %-42s %10s %10s %9s\n' "$workload on $(nproc) threads" ms GFLOPS "to tuned"
row "plain C, gcc -O3, one thread" "$naive_ms"
row "Tilewright, first schedule, not measured" "$(awk -v g="${first:-0}" -v n=$size 'BEGIN { if (g > 0) print 2e-6 * n * n * n / g }')"
row "Tilewright, tuned, $trials trials" "$tuned_ms"
row "OpenBLAS${OPENBLAS_CORETYPE:+ ($OPENBLAS_CORETYPE kernels)}" "$openblas_ms"
row "oneDNN" "$onednn_ms"
cat <<END

What next:
  the operators there are:            $tilewright workloads
  a convolution:                      $tilewright tune c2d:1,56,56,64,64,3,1,1 --trials 64 --log c2d.log --out c2d.so
  the loops that won:                 $tilewright compile $workload --log $work/gmm.log --emit tir
  what the library says about itself: $tilewright inspect $work/gmm.so
  the two programs above:             tutorials/deploy/deploy.cpp, tutorials/deploy/deploy.c
  all tests:                          bash scripts/test.sh
END
