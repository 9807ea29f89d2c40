// What a specialist's figures on held-out text mean, in words.
#pragma once

#include "coe/measure/eval/eval.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace coe {

// Text of fewer records or tokens says nothing: the bootstrap over records needs some.
inline constexpr std::uint64_t kMinVerdictRecords = 5;
inline constexpr std::uint64_t kMinVerdictTokens = 1000;
// Mean KL to the parent, nats a token. Since KL is about the log of how much perplexity grows: text
// is kept while the parent's perplexity grows by no more than a quarter, and lost once it doubles.
inline constexpr double kKeepsKl = 0.22;
inline constexpr double kLosesKl = 0.69;

enum class Verdict : std::uint8_t {
  kTooLittle,           // below kMinVerdictRecords or kMinVerdictTokens
  kWorseThanRandom,     // than every random mask, at 95 %
  kNoBetterThanRandom,  // there is a random mask that it does not beat at 95 %
  kKeeps,               // KL below kKeepsKl
  kKeepsInPart,
  kLoses,  // KL of kLosesKl and more
};
// `random`: random masks of the same size on the same records; none: not compared. Comparisons are
// paired over records.
Verdict verdict_of(const DomainEval& specialist, std::span<const DomainEval> random);

// "keeps", "keeps in part", … : keys of JSON.
std::string_view verdict_name(Verdict verdict);

}  // namespace coe
