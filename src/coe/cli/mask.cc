// coe mask: from a routing profile to the experts a specialist keeps.
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/mask/keep_mask.h"
#include "coe/recipe/recipe.h"
#include "coe/recipe/table_mask.h"
#include "coe/routing/file.h"
#include "coe/score/score.h"

#include <charconv>

namespace coe::cli {

namespace {

struct Options {
  std::vector<Path> profiles;
  Path score_table;
  Path output;
  std::uint32_t n_keep = 0;
  std::string score = "util";
  std::string aggregate;
  std::string blend;
  std::uint64_t seed = 0;
  bool plain = false;
};

// "web=0.7,css=0.3"
Result<std::vector<std::pair<std::string, double>>> parse_weights(std::string_view text) {
  std::vector<std::pair<std::string, double>> weights;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const auto equals = item.find('=');
    double weight = 0.0;
    const bool has_value = equals != std::string_view::npos && equals > 0;
    const char* end = item.data() + item.size();
    const auto parsed = has_value ? std::from_chars(item.data() + equals + 1, end, weight)
                                  : std::from_chars_result{nullptr, std::errc::invalid_argument};
    if (parsed.ec != std::errc() || parsed.ptr != end || !(weight > 0.0))
      return fail(Code::kInvalidArgument,
                  fmt::format("--blend: `{}` is not of the form name=weight", item),
                  "for example --blend web=0.7,css=0.3");
    weights.emplace_back(item.substr(0, equals), weight);
  }
  return weights;
}

// The mask of a score table, which tells of losses instead of coverage.
Result<int> table_mask(const Options& options, Session& session) {
  COE_TRY(const auto table, read_score_table(options.score_table));
  COE_TRY(const auto built, mask_from_table(table, options.n_keep));
  COE_TRY_STATUS(
      write_file(options.output, mask_to_json(built.mask, options.plain), session.overwrite()));
  auto doc = document("mask");
  doc["output"] = options.output.string();
  doc["score"] = table.score;
  doc["n_expert"] = built.mask.n_expert();
  doc["n_keep"] = built.mask.n_keep();
  doc["loss_layers"] = Json::array();
  double mean = 0.0;
  for (std::size_t i = 0; i < built.loss.size(); ++i) {
    doc["loss_layers"].push_back({{"layer", table.layers[i].value}, {"loss", built.loss[i]}});
    mean += built.loss[i] / static_cast<double>(built.loss.size());
  }
  doc["loss"] = mean;
  COE_TRY_STATUS(session.emit(
      doc, fmt::format("{}: keeps {} of {} experts in {} layers\n"
                       "  score {}: mean error of a layer's output {:.4f}\n",
                       options.output.string(), built.mask.n_keep(), built.mask.n_expert(),
                       built.mask.layers().size(), table.score, mean)));
  return kExitDone;
}

Result<int> mask(const Options& options, Session& session) {
  COE_TRY_STATUS(check_output(options.output, session.overwrite()));
  if (!options.score_table.empty()) return table_mask(options, session);
  if (options.profiles.empty())
    return fail(Code::kInvalidArgument, "coe mask needs a profile (-p) or a --score-table");
  MaskRecipe recipe;
  recipe.n_keep = options.n_keep;
  COE_TRY(recipe.score.score, score_from_name(options.score));
  COE_TRY(recipe.score.weights, parse_weights(options.blend));
  if (!options.aggregate.empty()) {
    COE_TRY(recipe.score.blend, blend_from_name(options.aggregate));
  } else if (!options.blend.empty()) {
    recipe.score.blend = Blend::kSubdomain;
  }
  recipe.score.seed = options.seed;
  COE_TRY(auto stats, read_profile(options.profiles.front()));
  for (std::size_t i = 1; i < options.profiles.size(); ++i) {
    COE_TRY(const auto other, read_profile(options.profiles[i]));
    if (auto status = merge_into(stats, other); !status)
      return tl::unexpected(std::move(status).error().context(options.profiles[i].string()));
  }
  COE_TRY(const auto built, build_mask(stats, recipe));
  COE_TRY_STATUS(
      write_file(options.output, mask_to_json(built.mask, options.plain), session.overwrite()));

  auto doc = document("mask");
  doc["output"] = options.output.string();
  doc["score"] = options.score;
  doc["n_expert"] = built.mask.n_expert();
  doc["n_keep"] = built.mask.n_keep();
  doc["coverage"] = built.coverage.mean;
  doc["coverage_layers"] = Json::array();
  const auto rows = std::min(built.coverage.layers.size(), stats.shape.layers.size());
  double lowest = 1.0;
  std::uint32_t lowest_layer = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double value = built.coverage.layers[i];
    doc["coverage_layers"].push_back({{"layer", stats.shape.layers[i].value}, {"coverage", value}});
    if (value < lowest) {
      lowest = value;
      lowest_layer = stats.shape.layers[i].value;
    }
  }
  doc["swaps"] = Json::array();
  COE_TRY_STATUS(session.emit(
      doc,
      fmt::format("{}: keeps {} of {} experts in {} layers\n"
                  "  score {} covered {:.1f} % on the mean, {:.1f} % in the worst layer ({})\n",
                  options.output.string(), built.mask.n_keep(), built.mask.n_expert(),
                  built.mask.layers().size(), options.score, 100 * built.coverage.mean,
                  100 * lowest, lowest_layer)));
  return kExitDone;
}

}  // namespace

void add_mask(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("mask", "Choose the K experts a layer that a specialist keeps");
  auto* profiles =
      verb->add_option("-p,--profile", options->profiles, "Routing profile; several are added");
  verb->add_option("--score-table", options->score_table, "Score table of coe recon, instead")
      ->excludes(profiles);
  verb->add_option("-k,--keep", options->n_keep, "Experts to keep in each layer")->required();
  verb->add_option("-o,--output", options->output, "Mask to write (JSON)")->required();
  verb->add_option("--score", options->score,
                   "util, freq, rank, ean, reap, reap_sum, decisive, share or random")
      ->capture_default_str();
  verb->add_option(
      "--aggregate", options->aggregate,
      "How sub-domains combine: token (default), sample, subdomain (by weight), max (what any one "
      "needs), or maxmin (weights that serve the worst covered best)");
  verb->add_option("--blend", options->blend,
                   "Sub-domains and their weights, name=w,…; implies --aggregate subdomain");
  verb->add_option("--seed", options->seed, "Seed of --score random")->capture_default_str();
  verb->add_flag("--plain", options->plain,
                 "Write the reference form {\"0\": [ids], …} without provenance");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return mask(*options, session); }; });
}

}  // namespace coe::cli
