#include "coe/cli/render/profile.h"

#include "coe/cli/render/table.h"
#include "coe/profile/stability_report.h"

#include <fmt/format.h>

#include <vector>

namespace coe::cli {

namespace {

Json domains_json(const RoutingStats& stats) {
  Json domains = Json::array();
  for (const auto& d : stats.domains)
    domains.push_back(
        {{"name", d.name}, {"weight", d.weight}, {"n_token", d.n_token}, {"n_sample", d.n_sample}});
  return domains;
}

std::string domains_text(const RoutingStats& stats) {
  std::vector<std::vector<std::string>> rows = {{"sub-domain", "weight", "samples", "tokens"}};
  for (const auto& d : stats.domains)
    rows.push_back({d.name, fmt::format("{:g}", d.weight), fmt::format("{}", d.n_sample),
                    fmt::format("{}", d.n_token)});
  return format_table(rows);
}

Json chats_json(const ChatCounts& chats) {
  Json json = {{"n_record", chats.n_record},
               {"n_turn", chats.n_turn},
               {"n_thinking", chats.n_thinking},
               {"n_thinking_open", chats.n_thinking_open},
               {"n_answer_empty", chats.n_answer_empty}};
  if (chats.generated) json.update({{"n_cut", chats.n_cut}, {"n_token_generated", chats.n_new}});
  return json;
}

std::string chats_text(const ChatCounts& chats) {
  auto text =
      fmt::format("turns of the model: {}, thinking blocks: {} ({} never end), empty answers: {}\n",
                  chats.n_turn, chats.n_thinking, chats.n_thinking_open, chats.n_answer_empty);
  if (chats.generated)
    text += fmt::format("tokens generated: {}, answers cut off before their end: {}\n", chats.n_new,
                        chats.n_cut);
  return text;
}

Json stability_summary(const StabilityReport& report, const StabilityFiles& files) {
  const auto optional = [](const auto& value) { return value ? Json(*value) : Json(nullptr); };
  Json json = {{"n_keep", report.n_keep}, {"stopped", report.stopped}};
  const auto* last = report.points.empty() ? nullptr : &report.points.back();
  json["jaccard"] = last != nullptr ? Json(last->jaccard) : Json(nullptr);
  json["jaccard_lower"] = last != nullptr ? optional(last->lower) : Json(nullptr);
  json["entropy"] = last != nullptr ? Json(last->entropy) : Json(nullptr);
  json["n_token_at_0.95"] = optional(tokens_at(report, 0.95, false));
  json["n_token_at_0.99"] = optional(tokens_at(report, 0.99, false));
  json["report"] = files.report.string();
  json["picture"] = files.picture.string();
  return json;
}

// Tokens a second that this run read, not those that it found done; none when it read nothing.
std::optional<double> tokens_per_s(const ProfileOutput& output) {
  if (!output.wall_s) return std::nullopt;
  return static_cast<double>(output.run.stats.n_token() - output.run.n_resumed) / *output.wall_s;
}

}  // namespace

Json profile_json(const ProfileOutput& output) {
  const auto& stats = output.run.stats;
  const auto speed = tokens_per_s(output);
  auto doc = document("profile");
  doc["output"] = output.file.string();
  doc["parent"] = {{"name", stats.parent.name}, {"digest", stats.parent.digest}};
  doc["n_token"] = stats.n_token();
  doc["n_sample"] = output.n_sample;
  doc["n_token_resumed"] = output.run.n_resumed;
  doc["tokens_per_s"] = speed ? Json(*speed) : Json(nullptr);
  doc["domains"] = domains_json(stats);
  if (output.chats) doc["chats"] = chats_json(*output.chats);
  if (output.run.stability)
    doc["stability"] = stability_summary(*output.run.stability, output.stability);
  return doc;
}

std::string profile_text(const ProfileOutput& output) {
  const auto& stats = output.run.stats;
  const auto speed = tokens_per_s(output);
  auto text = fmt::format(
      "{}: {} tokens in {} samples, {}\n{}", output.file.string(), stats.n_token(), output.n_sample,
      speed ? fmt::format("{:.0f} tokens/s", *speed) : "finished before", domains_text(stats));
  if (output.chats) text += chats_text(*output.chats);
  if (output.run.stability) text += fmt::format("{}\n", stability_text(*output.run.stability));
  return text;
}

Json merge_json(const MergeOutput& output) {
  auto doc = document("merge");
  doc["output"] = output.file.string();
  doc["n_token"] = output.sum.n_token();
  doc["n_sample"] = output.sum.n_sample();
  doc["domains"] = domains_json(output.sum);
  return doc;
}

std::string merge_text(const MergeOutput& output) {
  return fmt::format("{}: {} tokens in {} samples from {} profiles\n{}", output.file.string(),
                     output.sum.n_token(), output.sum.n_sample(), output.n_profile,
                     domains_text(output.sum));
}

}  // namespace coe::cli
