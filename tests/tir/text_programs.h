// Programs as text that several tests share: together they hold every construct of the language.
#pragma once

namespace tilewright::tir::testing {

inline constexpr const char* kMatmul = R"(func matmul(A: f32[512, 512], B: f32[512, 512], C: f32[512, 512]) {
  for i in 0..512 {
    for j in 0..512 {
      for k in 0..512 {
        block C(vi: spatial 0..512 = i, vj: spatial 0..512 = j, vk: reduce 0..512 = k) {
          reads C[vi, vj], A[vi, vk], B[vk, vj]
          writes C[vi, vj]
          init {
            C[vi, vj] = 0.0
          }
          C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
        }
      }
    }
  }
})";

inline constexpr const char* kScheduled = R"(func matmul(A: f32[500, n], B: f32[n, 512] align 64, C: f32[500, 512], n: i64, alpha: f32) {
  attribute "batch" = 3
  attribute "note" = "two\nlines \"quoted\""
  assume n % 16 == 0
  annotate "root" = [1, -2, 3]
  alloc C_local: f32[500, 512] local align 64 layout (i, j) -> (j // 16, i, j % 16) in [32, 500, 16]
  parallel i_0 in 0..16 {
    annotate "chunk" = 2
    annotate "weight" = 0.5
    for i_1 in 0..32 {
      for k_0 in 0..n // 16 {
        unrolled k_1 in 0..16 {
          vectorized j in 0..512 {
            block C(vi: spatial 0..500 = i_0 * 32 + i_1, vj: spatial 0..512 = j, vk: reduce 0..n = k_0 * 16 + k_1) {
              where i_0 * 32 + i_1 < 500
              reads A[vi, vk], B[vk, vj]
              writes C_local[vi, vj]
              annotate "done" = inf
              init {
                C_local[vi, vj] = 0.0
              }
              C_local[vi, vj] = C_local[vi, vj] + A[vi, vk] * B[vk, vj]
            }
          }
        }
      }
      for j in 4..516 {
        block "C out"(vi: spatial 0..500 = i_0 * 32 + i_1, vj: spatial i_1..i_1 + 512 = j - 4) {
          where i_0 * 32 + i_1 < 500 && j >= 4
          reads C_local[vi, vj..vj + 8]
          writes C[vi, 0..512]
          let scaled: f32 = C_local[vi, vj] * alpha
          C[vi, vj] = max(scaled, 0.0)
        }
      }
    }
  }
})";

inline constexpr const char* kThreads = R"(func threads(A: f16[1024], B: bf16[1024]) {
  thread(blockIdx.x) b in 0..8 {
    thread(threadIdx.x) t in 0..128 {
      thread(vthread) w: i32 in 0i32 +: 1i32 {
        block B(v: opaque 0..1024 = b * 128 + t, u: i32 spatial 0i32 +: 1i32 = w) {
          reads none
          alloc S: f16[128] shared
          alloc F: f16[16] fragment
          S[v % 128] = A[v]
          F[0] = S[v % 128]
          B[v] = bf16(f32(F[0]) * 2.5)
        }
      }
    }
  }
})";

inline constexpr const char* kLowered = R"(lowered func add(A: f32[4, 8], B: f32[4, 8], k: i32) {
  buffer A_1: f32[32] named "A"
  buffer B_1: f32[32] align 32 named "B"
  assert k > 0i32, "k must be positive"
  let base: i64 = i64(k) * 2
  alloc scratch: f32[32] local
  parallel i in 0..4 {
    let row: i64 = i * 8 {
      scratch[row] = 1.0
    }
    alloc acc: f32x8[1] register
    acc[0] = A_1[ramp(i * 8, 1, 8) where ramp(i * 8, 1, 8) < broadcast(base, 8)]
    if i == 3 {
      acc[0] = fma(acc[0], broadcast(2.0, 8), acc[0])
    } else if i < 1 && !(i == base) {
      acc[0] = max(acc[0], broadcast(-inf, 8))
    } else {
    }
    B_1[ramp(i * 8, 1, 8) where ramp(i * 8, 1, 8) < broadcast(base, 8)] = acc[0]
    evaluate prefetch(A_1[i * 8])
    evaluate extern i32 "my.kernel"(address_of(A_1[0]), address_of(B_1[0]), i)
  }
})";

inline constexpr const char* kExpressions = R"(func expressions(A: f64[8], I: i8[8], U: u64[8], H: f16[8], P: bool[8], Z: f32[]) {
  for i in 0..8 {
    block E(v: spatial 0..8 = i) {
      reads A[v], I[v]
      writes A[v], U[v]
      A[v] = 1.5f64 - (A[v] - 0.1f64) / (A[v] * (A[v] / 3.0f64))
      A[v] = f64(nan) + f64(-inf) + f64(nan(0x7ff8000000000123)) + 1e+300f64 + 5e-324f64 + -0.0f64
      I[v] = select(I[v] > -5i8, I[v] // 3i8, I[v] % -128i8)
      U[v] = 18446744073709551615u64 - U[v] * 2u64
      H[v] = H[v] * 0.333f16 + f16(inf)
      P[v] = (v < 3 || v > 5) && !P[v] == true && isnan(A[v])
      Z[] = exp(log(Z[])) + pow(Z[], 2.0) + sigmoid(tanh(erf(sqrt(rsqrt(abs(Z[]))))))
      Z[] = reinterpret(f32, bit_xor(reinterpret(u32, Z[]), shift_left(1u32, 31u32)))
      Z[] = (let x: f32 = Z[] * Z[] in let y: f32 = x * x in x + y * (let z: f32 = y in z + z)) - f32(v - (4 - v)) * f32(U[v])
      Z[] = floor(Z[]) + ceil(Z[]) + round(Z[]) + trunc(Z[]) + sin(cos(Z[])) + min(Z[], 7.0)
      U[v] = u64(popcount(bit_not(bit_and(bit_or(v, 8), shift_right(v, 2)))))
      P[v] = select(v % 2 == 0, -9223372036854775808 + v, 0 - v) == -1 && v != 3 && v <= 4 && v >= -3
    }
  }
})";

}  // namespace tilewright::tir::testing
