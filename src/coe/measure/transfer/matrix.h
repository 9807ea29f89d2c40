// The transfer matrix of one K: what specialist A keeps of sub-domain B, for all of both; how alike
// the specialists are; and whether the one goes with the other. Source: docs/method.md, section 6.
#pragma once

#include "coe/base/stats/association.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/mask/compare/agg_cosine.h"
#include "coe/mask/compare/overlap.h"
#include "coe/measure/eval/eval.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Y, the ratio of accuracies, is for text the share of tokens whose next token the specialist puts
// first, divided by the parent's.
struct TransferMatrix {
  std::uint32_t n_keep = 0;
  std::vector<std::string> specialists;  // [S], then the random masks [R]
  std::size_t n_random = 0;
  std::vector<std::string> domains;  // [D] sub-domains of the evaluation text
  std::vector<DomainEval> cells;     // [S + R, D]
  std::string engine = {};           // EngineInfo::engine of what measured them

  std::size_t n_specialist() const { return specialists.size() - n_random; }
  const DomainEval& at(std::size_t row, std::size_t domain) const {
    return cells[row * domains.size() + domain];
  }
  // The specialist is of this sub-domain.
  bool is_own(std::size_t row, std::size_t domain) const {
    return row < n_specialist() && specialists[row] == domains[domain];
  }
};

// The part of a matrix whose specialists are of sub-domains that are evaluated, too: a square, in
// the order of the specialists. Shapes: [n,n], (A,B) for specialist A on B's text.
struct TransferSquare {
  std::vector<std::string> names;  // [n]
  std::vector<double> y;
  std::vector<double> kl;
  // These are likenesses of the specialists' masks; the backbone is that of all specialists of the
  // matrix. Empty when one pair's is undefined (a residual is empty) or was not asked for.
  std::vector<double> residual_f;
  std::vector<double> agg_cosine;
};

// `overlap` and `cosine` (may be null) are of the masks of the matrix's specialists, in their
// order; a null overlap means that there are fewer than two.
TransferSquare square_of(const TransferMatrix& matrix, const Overlap* overlap,
                         const AggCosine* cosine);

// One of four: loss Y or KL, likeness F or Agg-cos.
struct TransferLink {
  std::string_view of;    // "y", "kl"
  std::string_view with;  // "residual_f", "agg_cosine"
  std::optional<Association> pearson;
  std::optional<Association> spearman;
};

struct TransferReading {
  std::vector<TransferLink> links;  // of defined likenesses only
  // By "residual_f" and "agg_cosine": Y of near pairs against Y of far pairs.
  std::vector<std::pair<std::string_view, std::optional<NearFar>>> near_far;
  // [n] for each specialist the others, best Y first.
  std::vector<std::vector<std::size_t>> order;

  bool has_correlation() const;  // any
};
TransferReading read_square(const TransferSquare& square, const BootstrapOptions& options = {});

}  // namespace coe
