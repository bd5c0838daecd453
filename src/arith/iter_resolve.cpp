// Common digits, predicates, and the checks of a map.
#include <algorithm>

#include "arith/iter_detect.h"

namespace tilewright::arith {

using namespace tir;

/// Calls f on every list of splits until one fails.
template <typename F>
bool IterDetector::each_list(F&& f) {
  for (SplitList& l : indices_) {
    if (!f(&l.terms)) return false;
  }
  for (Constraint& c : constraints_) {
    if (!f(&c.list.terms)) return false;
  }
  for (size_t i = 0; i < marks_.size(); ++i) {
    if (!f(&marks_[i].fused)) return false;
  }
  return true;
}

/// Cuts all splits of the mark at the same places.
bool IterDetector::refine(int mark) {
  const Quantity whole = marks_[static_cast<size_t>(mark)].extent;
  std::vector<Quantity> cuts(1);  // begins with 1
  auto add_cut = [&](const Quantity& cut) {
    // A cut at or above the extent cuts nothing.
    if (at_least(cut, whole)) return true;
    for (size_t i = 0; i < cuts.size(); ++i) {
      Quantity k;
      if (equal(cuts[i], cut)) return true;
      if (divides(cuts[i], cut, &k)) continue;
      if (!divides(cut, cuts[i], &k)) return false;
      cuts.insert(cuts.begin() + static_cast<std::ptrdiff_t>(i), cut);
      return true;
    }
    cuts.push_back(cut);
    return true;
  };
  const bool ok = each_list([&](std::vector<Split>* terms) {
    for (const Split& s : *terms) {
      Quantity end;
      if (s.mark != mark) continue;
      if (!add_cut(s.lower)) return false;
      if (!s.top && (!multiply(s.lower, s.extent, &end) || !add_cut(end))) return false;
    }
    return true;
  });
  if (!ok) return false;
  return each_list([&](std::vector<Split>* terms) {
    for (size_t i = 0; i < terms->size();) {
      const Split s = (*terms)[i];
      if (s.mark != mark) {
        ++i;
        continue;
      }
      Quantity end;
      if (!s.top && !multiply(s.lower, s.extent, &end)) return false;
      std::vector<Split> digits;
      size_t k = 0;
      while (k < cuts.size() && !equal(cuts[k], s.lower)) ++k;
      for (; k < cuts.size(); ++k) {
        if (!s.top && equal(cuts[k], end)) break;
        Split d;
        Quantity ratio;
        d.mark = mark;
        d.lower = cuts[k];
        d.top = k + 1 == cuts.size();
        if (!d.top && !divides(cuts[k], cuts[k + 1], &d.extent)) return false;
        if (!divides(s.lower, cuts[k], &ratio) || !multiply(s.scale, ratio, &d.scale)) return false;
        digits.push_back(std::move(d));
      }
      // A split that begins beyond the extent is 0 and leaves no digit.
      terms->erase(terms->begin() + static_cast<std::ptrdiff_t>(i));
      terms->insert(terms->begin() + static_cast<std::ptrdiff_t>(i), digits.begin(), digits.end());
      i += digits.size();
    }
    return true;
  });
}

/// A fused mark that turned out to be a piece of another mark gives way to that piece.
bool IterDetector::inline_aliases() {
  for (size_t m = 0; m < marks_.size(); ++m) {
    if (marks_[m].constrained || marks_[m].fused.empty()) continue;
    coalesce(&marks_[m].fused);
    if (marks_[m].fused.size() != 1 || !marks_[m].fused[0].scale.is_one()) continue;
    const Split piece = marks_[m].fused[0];
    const bool ok = each_list([&](std::vector<Split>* terms) {
      for (Split& s : *terms) {
        if (s.mark != static_cast<int>(m)) continue;
        Quantity k;
        Split r = s;
        r.mark = piece.mark;
        if (!multiply(piece.lower, s.lower, &r.lower)) return false;
        if (!piece.top && (s.top ? !divides(s.lower, piece.extent, &r.extent)
                                 : !divides(s.lower, piece.extent, &k) || !divides(s.extent, k, &k)))
          continue;  // stays a mark of its own
        r.top = s.top && piece.top;
        s = std::move(r);
      }
      return true;
    });
    if (!ok) return false;
  }
  return true;
}

bool IterDetector::refine_all() {
  if (!inline_aliases()) return false;
  // Most marks are only used whole.
  std::vector<bool> cut(marks_.size(), false);
  each_list([&](std::vector<Split>* terms) {
    for (const Split& s : *terms) {
      if (!s.top || !s.lower.is_one()) cut[static_cast<size_t>(s.mark)] = true;
    }
    return true;
  });
  for (size_t m = 0; m < marks_.size(); ++m) {
    if (cut[m] && !refine(static_cast<int>(m))) return false;
  }
  // Digits that take one value only say nothing.
  return each_list([&](std::vector<Split>* terms) {
    std::erase_if(*terms, [&](const Split& s) {
      Quantity extent;
      return extent_of(s, &extent) && extent.is_one();
    });
    return true;
  });
}

bool IterDetector::absorb_all() {
  while (!constraints_.empty()) {
    if (!refine_all()) return false;
    // Inner fused iterators first: an outer one may need them to be a chain.
    std::stable_sort(constraints_.begin(), constraints_.end(), [](const Constraint& a, const Constraint& b) {
      return a.list.terms.size() < b.list.terms.size();
    });
    bool progress = false;
    for (size_t i = 0; i < constraints_.size() && !progress; ++i) {
      if (!constraints_[i].list.terms.empty()) {
        // As digits, and as whole iterators: the digits of one whose extent they do not divide form no box.
        std::vector<Split> joined = constraints_[i].list.terms;
        coalesce(&joined);
        if (!chain(&constraints_[i].list.terms) || !chain(&joined)) continue;
      }
      Constraint c = constraints_[i];
      constraints_.erase(constraints_.begin() + static_cast<std::ptrdiff_t>(i));
      if (!absorb(std::move(c))) return false;
      progress = true;
    }
    if (!progress) return false;
  }
  return true;
}

/// Finds the constrained marks, from the first made to the last, in all lists; then the other fused ones, from the
/// longest, so that of two fused values that share digits one becomes a piece of the other.
bool IterDetector::settle() {
  std::vector<size_t> order;
  for (size_t m = 0; m < marks_.size(); ++m) {
    if (marks_[m].constrained) order.push_back(m);
  }
  const size_t constrained = order.size();
  for (size_t m = 0; m < marks_.size(); ++m) {
    if (!marks_[m].constrained && !marks_[m].fused.empty()) order.push_back(m);
  }
  std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(constrained), order.end(),
                   [&](size_t a, size_t b) { return marks_[a].fused.size() > marks_[b].fused.size(); });
  for (const size_t m : order) {
    if (!refine_all()) return false;
    if (marks_[m].fused.empty() || (!marks_[m].constrained && marks_[m].fused.size() == 1)) continue;
    if (!chain(&marks_[m].fused) || !spread(static_cast<int>(m))) return false;
  }
  return true;
}

bool IterDetector::resolve() {
  if (failed_ || !settle() || !refine_all()) return false;
  each_list([&](std::vector<Split>* terms) {
    coalesce(terms);
    return true;
  });
  return true;
}

/// Makes a mark of the constrained value and puts it into all other lists.
bool IterDetector::absorb(Constraint c) {
  std::vector<Split>& terms = c.list.terms;
  if (terms.empty()) {
    // Only loops that take one value: the condition compares constants.
    Sum d;
    return engine_.add_scaled(&d, c.limit, c.upper ? 1 : -1) && engine_.prove_ge0(d);
  }
  const Quantity unit = terms[0].scale;
  for (Split& s : terms) {
    if (!divides(unit, s.scale, &s.scale)) return false;
  }
  Quantity whole;
  if (!extent_of_chain(terms, &whole)) return false;
  Mark m;
  m.constrained = true;
  m.fused = terms;
  if (c.upper) {
    // unit * value <= limit: value < limit // unit + 1.
    Sum bound = engine_.parse(floordiv(engine_.emit(c.limit), unit.expr()) + 1);
    Sum gap = bound;
    if (!engine_.add_scaled(&gap, engine_.parse(whole.expr()), -1)) return false;
    if (engine_.prove_ge0(gap)) {
      m.extent = whole;
    } else {
      Sum negated;
      if (!engine_.add_scaled(&negated, gap, -1)) return false;
      if (!engine_.prove_ge0(negated)) bound = engine_.parse(min(engine_.emit(bound), whole.expr()));
      if (!quantity(bound, &m.extent)) return false;
    }
  } else {
    const Expr low = engine_.simplify(0 - floordiv(0 - engine_.emit(c.limit), unit.expr()));
    if (!engine_.prove(low >= 0) || uses_loop(low)) return false;
    if (!quantity(engine_.parse(whole.expr() - low), &m.extent)) return false;
    m.min = low;
  }
  if (m.extent.is_const() && m.extent.c <= 0) return false;
  marks_.push_back(std::move(m));
  return spread(static_cast<int>(marks_.size()) - 1);
}

/// Puts a fused mark in the place of its digits.
bool IterDetector::spread(int mark) {
  bool changed = false;
  for (SplitList& l : indices_) {
    if (!replace_runs(mark, &l, &changed)) return false;
  }
  for (Constraint& other : constraints_) {
    if (!replace_runs(mark, &other.list, &changed)) return false;
    if (other.list.base.is_const() && other.list.base.base == 0) continue;
    if (!engine_.add_scaled(&other.limit, other.list.base, -1)) return false;
    other.list.base = Sum();
  }
  // Sums fused without the predicate shrink with it.
  std::vector<bool> shrunk(marks_.size(), false);
  for (size_t i = 0; i < marks_.size(); ++i) {
    if (static_cast<int>(i) == mark) continue;
    SplitList l;
    changed = false;
    l.terms = std::move(marks_[i].fused);
    if (!replace_runs(mark, &l, &changed) || !l.base.is_const() || l.base.base != 0) return false;
    marks_[i].fused = std::move(l.terms);
    const std::vector<Split>& fused = marks_[i].fused;
    changed |=
        std::any_of(fused.begin(), fused.end(), [&](const Split& s) { return shrunk[static_cast<size_t>(s.mark)]; });
    if (!changed || !marks_[static_cast<size_t>(mark)].constrained) continue;  // else only written in other terms
    Quantity extent;
    if (marks_[i].constrained || !chain(&marks_[i].fused) || !marks_[i].fused[0].scale.is_one()) return false;
    if (!extent_of_chain(marks_[i].fused, &extent)) return false;
    shrunk[i] = !equal(extent, marks_[i].extent);
    marks_[i].extent = extent;
  }
  return true;
}

/// The extent of a chain whose first scale is 1, in any cut.
bool IterDetector::extent_of_chain(std::vector<Split> terms, Quantity* out) {
  coalesce(&terms);
  Quantity last;
  return chain(&terms) && extent_of(terms.back(), &last) && multiply(last, terms.back().scale, out);
}

bool IterDetector::replace_runs(int mark, SplitList* list, bool* changed) {
  const Mark& m = marks_[static_cast<size_t>(mark)];
  const std::vector<Split> digits = m.fused;
  const Expr min = m.min;
  auto position = [&](const Split& d) {
    size_t i = 0;
    while (i < list->terms.size() && !(list->terms[i].mark == d.mark && equal(list->terms[i].lower, d.lower))) ++i;
    return i;
  };
  for (size_t j = 0; j < digits.size();) {
    const size_t at = position(digits[j]);
    if (at == list->terms.size()) {
      ++j;
      continue;
    }
    const Quantity scale = list->terms[at].scale;
    list->terms.erase(list->terms.begin() + static_cast<std::ptrdiff_t>(at));
    size_t end = j + 1;
    for (; end < digits.size(); ++end) {
      Quantity ratio, want;
      const size_t next = position(digits[end]);
      if (next == list->terms.size()) break;
      if (!divides(digits[j].scale, digits[end].scale, &ratio) || !multiply(scale, ratio, &want)) return false;
      if (!equal(want, list->terms[next].scale)) break;
      list->terms.erase(list->terms.begin() + static_cast<std::ptrdiff_t>(next));
    }
    Split run;
    run.mark = mark;
    run.lower = digits[j].scale;
    run.scale = scale;
    run.top = end == digits.size();
    if (!run.top && !divides(digits[j].scale, digits[end].scale, &run.extent)) return false;
    if (min.defined()) {
      // Digits below an offset are no digits of the fused value.
      if (j != 0 || end != digits.size()) return false;
      if (!engine_.add_scaled(&list->base, engine_.parse(min * scale.expr()), 1)) return false;
    }
    list->terms.push_back(std::move(run));
    *changed = true;
    j = end;
  }
  return true;
}

/// Joins neighbouring digits that count on from one another.
void IterDetector::coalesce(std::vector<Split>* terms) {
  for (size_t i = 0; i < terms->size(); ++i) {
    for (size_t j = 0; j < terms->size(); ++j) {
      Split &low = (*terms)[i], &high = (*terms)[j];
      Quantity end, scale, extent;
      if (i == j || low.mark != high.mark || low.top) continue;
      if (!multiply(low.lower, low.extent, &end) || !equal(end, high.lower)) continue;
      if (!multiply(low.scale, low.extent, &scale) || !equal(scale, high.scale)) continue;
      if (!high.top && !multiply(low.extent, high.extent, &extent)) continue;
      low.top = high.top;
      low.extent = extent;
      terms->erase(terms->begin() + static_cast<std::ptrdiff_t>(j));
      i = static_cast<size_t>(-1);
      break;
    }
  }
}

// ---- Checks

void IterDetector::mark_live() {
  live_.assign(marks_.size(), false);
  for (const SplitList& l : indices_) {
    for (const Split& s : l.terms) live_[static_cast<size_t>(s.mark)] = true;
  }
  for (size_t i = 0; i < marks_.size(); ++i) live_[i] = live_[i] || marks_[i].constrained;
  // A fused mark keeps alive what it is made of; marks refer to others in no fixed order.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < marks_.size(); ++i) {
      if (!live_[i]) continue;
      for (const Split& s : marks_[i].fused) {
        changed |= !live_[static_cast<size_t>(s.mark)];
        live_[static_cast<size_t>(s.mark)] = true;
      }
    }
  }
}

/// What indices and live marks take of the mark, ascending; false when two take the same digit or they form no chain.
bool IterDetector::uses_of(int mark, std::vector<Use>* out) {
  auto collect = [&](const std::vector<Split>& terms) {
    for (const Split& s : terms) {
      if (s.mark != mark) continue;
      Use u{s.lower, {}, s.top};
      if (!s.top && !multiply(s.lower, s.extent, &u.to)) return false;
      size_t i = 0;
      for (; i < out->size(); ++i) {
        Quantity k;
        Use& x = (*out)[i];
        if (!u.top && divides(u.to, x.from, &k)) break;         // below x
        if (x.top || !divides(x.to, u.from, &k)) return false;  // neither below nor above
      }
      out->insert(out->begin() + static_cast<std::ptrdiff_t>(i), std::move(u));
    }
    return true;
  };
  for (const SplitList& l : indices_) {
    if (!collect(l.terms)) return false;
  }
  for (size_t i = 0; i < marks_.size(); ++i) {
    if (live_[i] && !collect(marks_[i].fused)) return false;
  }
  return true;
}

bool IterDetector::independent() {
  mark_live();
  for (size_t m = 0; m < marks_.size(); ++m) {
    std::vector<Use> uses;
    if (!uses_of(static_cast<int>(m), &uses)) return false;
    if (uses.empty()) continue;
    const Quantity& whole = marks_[m].extent;
    Quantity k;
    const Use& last = uses.back();
    if (uses.size() > 1) {
      // The digits form a box only where the extent is a whole number of the highest digit's steps.
      if (!divides(last.top ? last.from : last.to, whole, &k)) return false;
    } else if (!last.top && !at_least(whole, last.to) && !divides(last.to, whole, &k)) {
      return false;
    }
  }
  return true;
}

bool IterDetector::complete() {
  mark_live();
  for (size_t m = 0; m < marks_.size(); ++m) {
    const bool loop = marks_[m].var.defined();
    if (!loop && !live_[m]) continue;
    if (marks_[m].extent.is_one()) continue;
    std::vector<Use> uses;
    if (!uses_of(static_cast<int>(m), &uses) || uses.empty()) return false;
    if (!uses[0].from.is_one() || !uses.back().top) return false;
    for (size_t i = 0; i + 1 < uses.size(); ++i) {
      if (!equal(uses[i].to, uses[i + 1].from)) return false;
    }
  }
  return true;
}

bool IterDetector::unused_run() {
  mark_live();
  for (size_t m = 0; m < marks_.size(); ++m) {
    const bool loop = marks_[m].var.defined();
    if (!loop && !live_[m]) continue;
    std::vector<Use> uses;
    if (!uses_of(static_cast<int>(m), &uses)) return false;
    if (uses.empty() && !runs(marks_[m].extent)) return false;
  }
  return true;
}

bool IterDetector::contiguous(SplitList* list, const Quantity& width, bool exact, Quantity* extent) {
  *extent = width;
  if (list->terms.empty()) return true;
  if (chain(&list->terms) && equal(list->terms[0].scale, width)) {
    Quantity last;
    return extent_of(list->terms.back(), &last) && multiply(last, list->terms.back().scale, extent);
  }
  if (exact) return false;
  // Overlapping steps: each scale is at most the width reached before it.
  std::stable_sort(list->terms.begin(), list->terms.end(), [](const Split& a, const Split& b) {
    return a.scale.is_const() && (!b.scale.is_const() || a.scale.c < b.scale.c);
  });
  Sum reached = engine_.parse(width.expr());
  for (const Split& s : list->terms) {
    Quantity steps;
    Sum gap = reached;
    if (!extent_of(s, &steps) || !engine_.add_scaled(&gap, engine_.parse(s.scale.expr()), -1)) return false;
    if (!engine_.prove_ge0(gap)) return false;
    // Without this a loop that does not run would count as one that runs once.
    if (!runs(steps)) return false;
    if (!engine_.add_scaled(&reached, engine_.parse((steps.expr() - 1) * s.scale.expr()), 1)) return false;
  }
  return quantity(reached, extent);
}

Expr IterDetector::value_of(const Split& s) {
  const Mark& m = marks_[static_cast<size_t>(s.mark)];
  Expr e;
  if (m.var.defined()) {
    e = m.min.defined() ? m.var - m.min : Expr(m.var);
  } else {
    e = Expr(0);
    const std::vector<Split> fused = m.fused;
    const Expr min = m.min;
    for (size_t i = fused.size(); i-- > 0;) e = e + value_of(fused[i]);
    if (min.defined()) e = e - min;
  }
  if (!s.lower.is_one()) e = floordiv(e, s.lower.expr());
  if (!s.top) e = floormod(e, s.extent.expr());
  return engine_.simplify(e * s.scale.expr());
}

}  // namespace tilewright::arith
