#!/usr/bin/env python3
"""Computes the polynomial coefficients in src/lower/expand_math*.cpp (Remez' exchange in 60-digit decimals).

Each fit is a polynomial p of the given degree on [lo, hi] that minimises max |weight(x) * (p(x) - target(x))|.
Prints the coefficients, lowest power first, and the error reached.
"""
from decimal import Decimal as D, getcontext
import sys

getcontext().prec = 60
PI = D("3.14159265358979323846264338327950288419716939937510582097494459")


def sin(x):
    term, total, n = x, x, 1
    while abs(term) > D(10) ** -58:
        term = -term * x * x / ((n + 1) * (n + 2))
        total += term
        n += 2
    return total


def cos(x):
    term, total, n = D(1), D(1), 0
    while abs(term) > D(10) ** -58:
        term = -term * x * x / ((n + 1) * (n + 2))
        total += term
        n += 2
    return total


def erf(x):
    term, total, n = x, x, 0
    while abs(term) > D(10) ** -58:
        n += 1
        term = -term * x * x / n
        total += term / (2 * n + 1)
    return total * 2 / PI.sqrt()


def erfc(x):
    if x < 3:
        return 1 - erf(x)
    f = x  # continued fraction, from the inside
    for k in range(400, 0, -1):
        f = x + D(k) / 2 / f
    return (-x * x).exp() / f / PI.sqrt()


def solve(rows):
    n = len(rows)
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[p] = rows[p], rows[i]
        for r in range(i + 1, n):
            f = rows[r][i] / rows[i][i]
            if f:
                rows[r] = [a - f * b for a, b in zip(rows[r], rows[i])]
    out = [D(0)] * n
    for i in range(n - 1, -1, -1):
        out[i] = (rows[i][n] - sum(rows[i][j] * out[j] for j in range(i + 1, n))) / rows[i][i]
    return out


def remez(target, weight, lo, hi, degree, samples=600):
    lo, hi = D(lo), D(hi)
    grid = [lo + (hi - lo) * (1 - cos(PI * D(i) / samples)) / 2 for i in range(samples + 1)]
    values = [(x, target(x), weight(x)) for x in grid]
    n = degree + 2
    picks = [round(i * samples / (n - 1)) for i in range(n)]
    for _ in range(30):
        rows = []
        for sign, k in enumerate(picks):
            x, t, w = values[k]
            rows.append([x ** j for j in range(degree + 1)] + [D((-1) ** sign) / w, t])
        c = solve(rows)[:-1]
        errors = [w * (sum(a * x ** j for j, a in enumerate(c)) - t) for x, t, w in values]
        extrema, i = [], 0
        while i <= samples:
            j = i
            while j <= samples and (errors[j] >= 0) == (errors[i] >= 0):
                j += 1
            extrema.append(max(range(i, j), key=lambda k: abs(errors[k])))
            i = j
        while len(extrema) > n:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < n or extrema == picks:
            break
        picks = extrema
    return c, max(abs(e) for e in errors)


def show(name, target, weight, lo, hi, degree):
    c, e = remez(target, weight, lo, hi, degree)
    print(f"{name}: error {float(e):.2e}")
    print("    {" + ", ".join(f"{float(x)!r}" for x in c) + "}")


LN2 = D(2).ln()
half = LN2 / 2 + D("0.0005")
edge = D("1e-15")
expq = lambda r: (r.exp() - 1 - r) / (r * r) if abs(r) > edge else D("0.5")
logp = lambda f: ((1 + f).ln() - f + f * f / 2) / f ** 3 if abs(f) > edge else D(1) / 3
logw = lambda f: f ** 3 / (1 + f).ln() if abs(f) > edge else edge
root = lambda z: z.sqrt()


def log_r(z):
    if z < edge:
        return D(2) / 3
    s = root(z)
    return (((1 + s) / (1 - s)).ln() - 2 * s) / s / z


FITS = {
    "exp f32": (expq, lambda r: r * r / r.exp() + edge, -half, half, 4),
    "exp f64": (expq, lambda r: r * r / r.exp() + edge, -half, half, 9),
    "log f32": (logp, lambda f: abs(logw(f)) + edge, D("-0.2929"), D("0.41425"), 8),
    "log f64": (log_r, lambda z: z + edge, edge, D("0.02945"), 6),
    "erf f32 small": (lambda z: erf(root(z)) / root(z) - 1, lambda z: root(z) / erf(root(z)), edge, D(1), 6),
    "erf f64 small": (lambda z: erf(root(z)) / root(z) - 1, lambda z: root(z) / erf(root(z)), edge, D(1), 11),
    "erf f32 large": (lambda t: erfc(t).ln(), lambda t: erfc(t) / erf(t), D(1), D("4"), 6),
    "erf f64 large": (lambda t: erfc(t).ln(), lambda t: erfc(t) / erf(t), D(1), D("6"), 18),
    "sin f32": (lambda z: (sin(root(z)) / root(z) - 1) / z, lambda z: z + edge, edge, (PI / 4) ** 2 + D("0.001"), 2),
    "cos f32": (lambda z: (cos(root(z)) - 1 + z / 2) / (z * z), lambda z: z * z, D("1e-6"), (PI / 4) ** 2 + D("0.001"), 2),
    "sin f64": (lambda z: (sin(root(z)) / root(z) - 1) / z, lambda z: z + edge, edge, (PI / 4) ** 2 + D("0.001"), 6),
    "cos f64": (lambda z: (cos(root(z)) - 1 + z / 2) / (z * z), lambda z: z * z, D("1e-6"), (PI / 4) ** 2 + D("0.001"), 6),
}

for name, fit in FITS.items():
    if len(sys.argv) < 2 or sys.argv[1] in name:
        show(name, *fit)
