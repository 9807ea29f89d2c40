// loop_guard_bench: how often the loop guard stops ordinary text, and how often and how soon it
// stops text that goes round in circles. Loops are made of the texts: each is cut somewhere, and
// what it ends with is said again and again.
#include "coe/ask/answer/loop_guard.h"
#include "coe/base/file.h"
#include "coe/base/machine.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/stats/paired.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/take_text.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace coe::bench {
namespace {

using Json = nlohmann::ordered_json;

std::size_t n_chars(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

struct Rate {
  std::uint64_t n = 0;
  std::uint64_t n_stopped = 0;

  void add(bool stopped) {
    ++n;
    n_stopped += stopped ? 1 : 0;
  }
  Json json() const {
    const auto interval = wilson_interval(n_stopped, n);
    return {{"n", n},
            {"n_stopped", n_stopped},
            {"rate", interval.value},
            {"ci_low", interval.lower},
            {"ci_high", interval.upper}};
  }
  std::string text() const {
    const auto interval = wilson_interval(n_stopped, n);
    return fmt::format("{:>6} of {:>6}  {:6.2f} % [{:.2f}, {:.2f}]", n_stopped, n,
                       100 * interval.value, 100 * interval.lower, 100 * interval.upper);
  }
};

struct LoopKind {
  const char* name;
  std::size_t shortest;  // of what is said again, bytes
  std::size_t longest;
  bool counts;  // with a number that goes up each time: no period
};
constexpr LoopKind kKinds[] = {
    {"1 to 10", 1, 10, false},
    {"11 to 100", 11, 100, false},
    {"101 to 300", 101, 300, false},
    {"301 to 390", 301, 390, false},
    {"401 to 1000", 401, 1000, false},
    {"11 to 100, counting", 11, 100, true},
    {"101 to 300, counting", 101, 300, true},
};

constexpr std::size_t kLoopBytes = 6000;

// Begins with `text` up to `cut`, where the first repetition does.
std::string looping(std::string_view text, std::size_t cut, const LoopKind& kind, Rng& rng) {
  const auto size = static_cast<std::size_t>(rng.between(static_cast<std::int64_t>(kind.shortest),
                                                         static_cast<std::int64_t>(kind.longest)));
  const auto unit = text.substr(cut - size, size);
  std::string out(text.substr(0, cut));
  for (int i = 1; out.size() < cut + kLoopBytes; ++i) {
    out += unit;
    if (kind.counts) out += fmt::format(" {} ", i);
  }
  return out;
}

struct Detection {
  Rate rate;
  std::vector<double> delays;  // characters from the first repetition, or from 1,400, to the stop
};

Detection detect(const std::vector<std::string_view>& texts, const LoopKind& kind,
                 const LoopOptions& options, std::uint64_t seed) {
  Detection out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Rng rng(derived_seed(seed, i));
    const auto cut = static_cast<std::size_t>(
        rng.between(static_cast<std::int64_t>(kind.longest),
                    static_cast<std::int64_t>(std::min<std::size_t>(texts[i].size(), 4000))));
    const auto text = looping(texts[i], cut, kind, rng);
    const auto end = find_loop(text, options);
    // A text that is stopped before it loops is none of these.
    if (end && *end <= cut) continue;
    out.rate.add(end.has_value());
    if (!end) continue;
    const auto begin = std::max(n_chars(std::string_view(text).substr(0, cut)), options.min_chars);
    const auto at = n_chars(std::string_view(text).substr(0, *end));
    out.delays.push_back(static_cast<double>(at > begin ? at - begin : 0));
  }
  std::ranges::sort(out.delays);
  return out;
}

struct Options {
  std::vector<Path> files;
  LoopOptions loop;
  std::uint64_t seed = 1;
  Path json;
  std::string note;
  bool list = false;
};

Status run(const Options& options) {
  COE_TRY(const auto taken, take_text(options.files, {}, silent_observer()));
  const Corpus& corpus = taken.corpus;
  Json document = {{"schema", "coe.loop-guard-bench/1"},
                   {"date", machine_facts().date},
                   {"note", options.note},
                   {"seed", options.seed}};

  std::string text = "ordinary texts stopped (false alarms)\n";
  Rate all;
  Rate all_long;
  std::vector<std::string_view> material;
  for (const auto& domain : corpus.domains) {
    Rate any;
    Rate long_enough;
    for (const auto& record : domain.records) {
      const auto end = find_loop(record.text, options.loop);
      const bool is_long = n_chars(record.text) >= options.loop.min_chars;
      any.add(end.has_value());
      all.add(end.has_value());
      if (is_long) {
        long_enough.add(end.has_value());
        all_long.add(end.has_value());
      }
      if (record.text.size() >= 1000) material.push_back(record.text);
      if (end && options.list)
        text += fmt::format("  {} stops at byte {}: {:?}\n", record.where, *end,
                            record.text.substr(*end > 60 ? *end - 60 : 0, 60));
    }
    text += fmt::format("  {:<20} {}   of 1,400 characters or more: {}\n", domain.name, any.text(),
                        long_enough.text());
    document["ordinary"].push_back(
        {{"domain", domain.name}, {"all", any.json()}, {"long", long_enough.json()}});
  }
  text += fmt::format("  {:<20} {}   of 1,400 characters or more: {}\n", "all", all.text(),
                      all_long.text());
  document["ordinary_all"] = {{"all", all.json()}, {"long", all_long.json()}};

  text += fmt::format("\nloops of so many bytes, made of {} texts, stopped within {} bytes\n",
                      material.size(), kLoopBytes);
  for (std::size_t k = 0; k < std::size(kKinds); ++k) {
    const auto found = detect(material, kKinds[k], options.loop, derived_seed(options.seed, k));
    const auto& delays = found.delays;
    const auto at = [&](double share) {
      return delays.empty()
                 ? 0.0
                 : delays[static_cast<std::size_t>(share * static_cast<double>(delays.size() - 1))];
    };
    text += fmt::format("  {:<20} {}", kKinds[k].name, found.rate.text());
    if (!delays.empty())
      text += fmt::format("   after {:.0f} characters (median), {:.0f} (95 %)", at(0.5), at(0.95));
    text += "\n";
    auto row = found.rate.json();
    row["loop"] = kKinds[k].name;
    row["delay_median"] = delays.empty() ? Json(nullptr) : Json(at(0.5));
    row["delay_95"] = delays.empty() ? Json(nullptr) : Json(at(0.95));
    document["loops"].push_back(std::move(row));
  }
  std::fputs(text.c_str(), stdout);
  if (options.json.empty()) return {};
  return write_file(options.json, document.dump(1) + "\n", Overwrite::kAllow);
}

int run_cli(int argc, char** argv) {
  CLI::App app("False alarms and detection of the loop guard");
  Options options;
  app.add_option("-f,--file", options.files, "JSONL texts (repeatable)")->required();
  app.add_option("--hold", options.loop.hold_chars,
                 "LoopOptions::hold_chars; 0: the method's rule to the letter")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the loops")->capture_default_str();
  app.add_option("--json", options.json, "Report to write");
  app.add_option("--note", options.note, "Goes into the report");
  app.add_flag("--list", options.list, "Name the ordinary texts that were stopped");
  CLI11_PARSE(app, argc, argv);
  if (const auto status = run(options); !status) {
    std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace coe::bench

int main(int argc, char** argv) {
  try {
    return coe::bench::run_cli(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: internal: %s\n", e.what());
    return 70;
  }
}
