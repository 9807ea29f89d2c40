#include "coe/cli/mask_options.h"

#include "coe/cli/options.h"
#include "coe/mask/pass.h"
#include "coe/mask/score/score.h"

#include <fmt/format.h>

namespace coe::cli {

void add_score_options(CLI::App& verb, ScoreOptionsText& options) {
  const OptionTitle title(verb, "Scoring");
  verb.add_option("--score", options.score, "How experts are scored: " + score_help())
      ->capture_default_str();
  verb.add_option(
      "--aggregate", options.aggregate,
      "How sub-domains combine: token, sample, subdomain (by weight), max (what any one needs), or "
      "maxmin (weights that serve the worst covered best); default: subdomain where the text has "
      "weights, else token");
  verb.add_option("--blend", options.blend,
                  "Sub-domains and their weights, name=w,…, instead of those of the text; implies "
                  "--aggregate subdomain");
}

Result<AggregateChoice> read_aggregate(const ScoreOptionsText& options) {
  AggregateChoice choice;
  COE_TRY(choice.weights, parse_weights(options.blend));
  if (!options.aggregate.empty()) {
    COE_TRY(choice.blend, blend_from_name(options.aggregate));
  }
  return choice;
}

Result<PassOptions> read_pass_options(const PassFlags& flags) {
  PassOptions options = flags.passes;
  if (!flags.cot_score_name.empty()) {
    COE_TRY(options.cot_score, score_from_name(flags.cot_score_name));
  }
  for (const auto& text : flags.protect_texts) {
    COE_TRY(options.protect.emplace_back(), parse_protected(text));
  }
  return options;
}

namespace {

void add_whitelist_options(CLI::App& verb, PassOptions& options) {
  verb.add_option("--whitelist", options.whitelist,
                  "Profiles whose leading experts are guaranteed a place whatever they score");
  verb.add_option("--whitelist-rank", options.whitelist_rule.max_avg_rank,
                  "Highest average rank of a guaranteed expert")
      ->needs("--whitelist")
      ->capture_default_str();
  verb.add_option("--whitelist-first", options.whitelist_rule.min_first,
                  "Tokens that a guaranteed expert must have been first in")
      ->needs("--whitelist")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
  verb.add_flag("--whitelist-card", options.whitelist_rule.by_card,
                "Guarantee by the words of the card: average rank below the highest, and chosen, "
                "not first, in so many tokens")
      ->needs("--whitelist");
}

}  // namespace

void add_pass_options(CLI::App& verb, PassFlags& flags) {
  const OptionTitle title(verb, "Passes");
  auto& options = flags.passes;
  add_whitelist_options(verb, options);
  verb.add_option("--cot", options.cot,
                  "Profile of reasoning (CoT): its best experts outside the mask take the place of "
                  "the domain's least");
  verb.add_option("--cot-cap", options.cot_rule.cap, "At most so many swaps in a layer")
      ->needs("--cot")
      ->capture_default_str();
  verb.add_option("--cot-skip", options.cot_rule.skip, "Pass over the first candidates of a layer")
      ->needs("--cot")
      ->capture_default_str();
  verb.add_option("--cot-t06", options.cot_t06,
                  "The same text profiled with --router-temperature 0.6: keep only swaps that hold "
                  "there, too")
      ->needs("--cot");
  verb.add_option("--cot-domain", options.cot_domains,
                  "Sub-domains of the CoT profile to look at, `*/thinking` for a role (default: "
                  "all)")
      ->needs("--cot");
  verb.add_option("--cot-score", flags.cot_score_name, "Its score (default: that of the domain)")
      ->needs("--cot");
  verb.add_option("--closure", options.closure,
                  "Two profiles with roles, of different text: experts that fire where thinking "
                  "ends in both are brought in")
      ->expected(2);
  verb.add_option("--closure-cap", options.closure_rule.cap, "At most so many swaps in a layer")
      ->needs("--closure")
      ->capture_default_str();
  verb.add_option(
          "--closure-lift", options.closure_rule.lift,
          "An expert fires when chosen more than so many times as often as by chance (0: at "
          "all)")
      ->needs("--closure")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  verb.add_option("--structural", options.structural,
                  "File of experts to bring in, in order: [[layer, expert], …]");
  verb.add_option("--structural-cap", options.structural_cap, "At most so many swaps in a layer")
      ->needs("--structural")
      ->capture_default_str();
  verb.add_option("--protect", flags.protect_texts,
                  "PROFILE:CAP[:SCORE]: as --cot, for text whose experts must survive; any number");
  verb.add_option("--exempt", options.exempt,
                  "File of experts that no pass may remove: [[layer, expert], …]");
}

}  // namespace coe::cli
