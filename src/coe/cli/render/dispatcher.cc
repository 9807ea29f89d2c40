#include "coe/cli/render/dispatcher.h"

#include "coe/base/printable.h"
#include "coe/base/stats/interval_text.h"
#include "coe/base/text.h"
#include "coe/cli/render/table.h"
#include "coe/college/choose/calibrate.h"
#include "coe/college/choose/text_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace coe::cli {

namespace {

Json length_json(const LengthAccuracy& row) {
  return {{"n_token", row.n_token},
          {"n", row.n},
          {"accuracy", interval_json(row.accuracy)},
          {"sure", interval_json(row.sure)},
          {"accuracy_when_sure", interval_json(row.when_sure)},
          {"calibration_error", row.calibration_error},
          {"confusion", row.confusion}};
}

Json calibration_json(const Calibration& calibration) {
  return {{"weight_text", calibration.weights[0]},
          {"weight_routing", calibration.weights[1]},
          {"threshold", calibration.threshold},
          {"least_known", calibration.least_known}};
}

Json method_json(const MethodAccuracy& method) {
  Json row = {{"method", choose_by_name(method.by)},
              {"calibration", calibration_json(method.calibration)},
              {"cross_validated", method.cross_validated},
              {"lengths", Json::array()},
              {"n_timed", method.speed.n},
              {"ms_median", method.speed.median_ms},
              {"ms_p95", method.speed.p95_ms},
              {"bytes", method.bytes}};
  for (const auto& length : method.lengths) row["lengths"].push_back(length_json(length));
  return row;
}

// Always the same one is right in one domain and wrong in all others; so is a guess, on average.
double blind_accuracy(const DispatcherReport& report) {
  return 1.0 / static_cast<double>(report.dispatcher.names.size());
}

std::string accuracy_table(const DispatcherReport& report) {
  std::vector<std::vector<std::string>> rows = {{"by"}};
  for (const auto n : kRequestLengths) rows.front().push_back(fmt::format("right at {} [95 %]", n));
  for (const auto* title : {"sure", "right when sure", "ms", "p95", "memory"})
    rows.front().emplace_back(title);
  for (const auto& method : report.methods) {
    auto& row = rows.emplace_back(std::vector{std::string(choose_by_name(method.by))});
    double sure = 0.0;
    double when_sure = 0.0;
    double n = 0.0;
    for (const auto& length : method.lengths) {
      row.push_back(length.n == 0 ? "-" : interval_text(length.accuracy, fixed(3)));
      if (length.n == 0) continue;
      sure += length.sure.value;
      when_sure += length.when_sure.value;
      n += 1.0;
    }
    row.push_back(n == 0.0 ? "-" : fmt::format("{:.1f} %", 100 * sure / n));
    row.push_back(n == 0.0 ? "-" : fmt::format("{:.3f}", when_sure / n));
    row.push_back(fmt::format("{:.2f}", method.speed.median_ms));
    row.push_back(fmt::format("{:.2f}", method.speed.p95_ms));
    row.push_back(human_bytes(method.bytes));
  }
  const auto blind = fmt::format("{:.3f}", blind_accuracy(report));
  for (const auto* name : {"at random", "always one"}) {
    auto& row = rows.emplace_back(std::vector{std::string(name)});
    row.insert(row.end(), kRequestLengths.size(), blind);
    row.resize(rows.front().size());
  }
  return format_table(rows);
}

// Of the method that was written, all lengths together.
std::string confusion_table(const DispatcherReport& report) {
  const auto& names = report.dispatcher.names;
  const auto chosen = std::ranges::find(report.methods, report.dispatcher.by, &MethodAccuracy::by);
  if (chosen == report.methods.end()) return {};
  std::vector<std::vector<std::string>> rows = {{"request of \\ chosen"}};
  for (const auto& name : names) rows.front().push_back(name);
  for (std::size_t d = 0; d < names.size(); ++d) {
    auto& row = rows.emplace_back(std::vector{names[d]});
    for (std::size_t c = 0; c < names.size(); ++c) {
      std::uint64_t n = 0;
      for (const auto& length : chosen->lengths) n += length.confusion[d][c];
      row.push_back(fmt::format("{}", n));
    }
  }
  return format_table(rows);
}

std::string measured_on(const DispatcherReport& report) {
  const auto unit = report.lengths_in_tokens
                        ? std::string("tokens of the parent")
                        : fmt::format("tokens, taken as {} bytes each", kBytesPerToken);
  if (report.n_heldout.empty())
    return fmt::format("cross-validated on the training text; lengths in {}", unit);
  std::uint64_t n = 0;
  for (const auto count : report.n_heldout) n += count;
  return fmt::format("on the starts of {} held-out records; lengths in {}", n, unit);
}

}  // namespace

Json dispatcher_json(const DispatcherReport& report) {
  const auto& dispatcher = report.dispatcher;
  auto doc = document("dispatcher");
  doc["output"] = report.output.string();
  doc["blocks"] = report.blocks.empty() ? Json(nullptr) : Json(report.blocks.string());
  doc["blocks_bytes"] = report.blocks_bytes;
  doc["method"] = choose_by_name(dispatcher.by);
  doc["method_was_asked"] = report.by_was_asked;
  doc["calibration"] = calibration_json(dispatcher.calibration);
  doc["n_feature"] = dispatcher.text ? Json(dispatcher.text->features.size()) : Json(nullptr);
  doc["train_s"] = report.train_s;
  doc["lengths_in_tokens"] = report.lengths_in_tokens;
  doc["measured_on"] = report.n_heldout.empty() ? "cross-validation" : "held-out";
  doc["n_leak"] = report.n_leak;
  doc["domains"] = Json::array();
  for (std::size_t d = 0; d < dispatcher.names.size(); ++d)
    doc["domains"].push_back(
        {{"name", dispatcher.names[d]},
         {"n_record", report.n_record[d]},
         {"bytes", report.n_byte[d]},
         {"n_heldout", report.n_heldout.empty() ? Json(nullptr) : Json(report.n_heldout[d])}});
  doc["methods"] = Json::array();
  for (const auto& method : report.methods) doc["methods"].push_back(method_json(method));
  doc["accuracy_random"] = blind_accuracy(report);
  doc["accuracy_always_one"] = blind_accuracy(report);
  return doc;
}

std::string dispatcher_text(const DispatcherReport& report) {
  const auto& dispatcher = report.dispatcher;
  std::string text =
      fmt::format("{}: chooses among {} specialists by {} ({})\n", report.output.string(),
                  dispatcher.names.size(), choose_by_name(dispatcher.by),
                  report.by_was_asked ? "as asked" : "the best by cross-validation");
  if (!report.blocks.empty())
    text += fmt::format("{}: the parent's first blocks, {}\n", report.blocks.string(),
                        human_bytes(report.blocks_bytes));
  text += fmt::format("\nShares of right choices, {}:\n{}", measured_on(report),
                      accuracy_table(report));
  text += fmt::format("\nWho was chosen, at all lengths:\n{}", confusion_table(report));
  return text +
         fmt::format("\nunsure below a probability of {:.2f}, or {:.0f} % of known features\n",
                     dispatcher.calibration.threshold, 100 * dispatcher.calibration.least_known);
}

Json asked_json(std::span<const AskedRequest> requests, const Chooser& chooser) {
  auto doc = document("dispatcher-ask");
  doc["method"] = chooser.kind();
  doc["names"] = chooser.names();
  doc["requests"] = Json::array();
  for (const auto& request : requests)
    doc["requests"].push_back(
        {{"where", request.where},
         {"chosen",
          request.choice.chosen ? Json(chooser.names()[*request.choice.chosen]) : Json(nullptr)},
         {"scores", request.choice.scores},
         {"ms", request.ms}});
  return doc;
}

std::string asked_text(std::span<const AskedRequest> requests, const Chooser& chooser) {
  std::vector<std::vector<std::string>> rows = {{"request", "chosen", "ms"}};
  for (const auto& name : chooser.names()) rows.front().push_back(name);
  for (const auto& request : requests) {
    auto& row = rows.emplace_back(std::vector{
        printable(request.where),
        request.choice.chosen ? chooser.names()[*request.choice.chosen] : std::string("(unsure)"),
        fmt::format("{:.2f}", request.ms)});
    for (const double score : request.choice.scores) row.push_back(fmt::format("{:.3f}", score));
  }
  return format_table(rows);
}

}  // namespace coe::cli
