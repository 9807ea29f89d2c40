// surgery_bench: what `coe prune` and `coe verify` cost beside the least that the disk can do: a
// plain copy of the child, and one reading of both files.
#include "coe/base/file.h"
#include "coe/base/machine.h"
#include "coe/base/process/measured_run.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/base/stats/summary.h"
#include "coe/base/text.h"

#include "cache.h"
#include "timing.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace coe::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  Path parent;
  Path mask;
  Path scratch;
  Path coe;
  Path json;
  std::string note;
  std::string cache = "both";
  unsigned n_run = 5;
};

enum class Step { kCopy, kCopySynced, kPrune, kRead, kVerify };
constexpr std::array kSteps = {Step::kCopy, Step::kCopySynced, Step::kPrune, Step::kRead,
                               Step::kVerify};

std::string_view step_name(Step step) {
  switch (step) {
    case Step::kCopy:
      return "copy";
    case Step::kCopySynced:
      return "copy_fsync";
    case Step::kPrune:
      return "prune";
    case Step::kRead:
      return "read";
    case Step::kVerify:
      return "verify";
  }
  return "unknown";
}

struct Measurement {
  Step step{};
  CacheState cache{};
  unsigned round = 0;
  double seconds = 0.0;
  double cached_parent = 0.0;  // share of the file in the page cache at the start
  double cached_child = 0.0;
  std::uint64_t max_rss_bytes = 0;  // of child processes
  std::uint64_t max_anon_bytes = 0;
};

// As coreutils' cp copies between files of one disk that shares no extents: copy_file_range until
// the end.
Status copy_file(const Path& from, const Path& to, bool synced) {
  COE_TRY(const auto source, MappedFile::open(from));
  const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (out < 0) return tl::unexpected(io_error(to, "create"));
  Status status;
  for (auto left = source.bytes().size(); left > 0 && status;) {
    const ssize_t n = ::copy_file_range(source.fd(), nullptr, out, nullptr, left, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) status = tl::unexpected(io_error(to, "copy to"));
    if (n > 0) left -= static_cast<std::size_t>(n);
  }
  if (status && synced && ::fsync(out) != 0) status = tl::unexpected(io_error(to, "flush"));
  ::close(out);
  return status;
}

class Bench {
 public:
  explicit Bench(Options options)
      : options_(std::move(options)),
        child_(options_.scratch / "bench-child.gguf"),
        output_(options_.scratch / "bench-output.gguf"),
        n_core_(machine_facts().n_core) {}

  ~Bench() {
    remove(child_);
    remove(output_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Status run() {
    COE_TRY_STATUS(check_output(child_, Overwrite::kRefuse));
    COE_TRY_STATUS(check_output(output_, Overwrite::kRefuse));
    COE_TRY(const auto first, run_coe(prune_command(child_)));
    (void)first;
    for (const auto state : {CacheState::kCold, CacheState::kWarm}) {
      if (options_.cache != "both" && options_.cache != cache_name(state)) continue;
      for (unsigned round = 0; round < options_.n_run; ++round)
        for (const Step step : order_of(round)) COE_TRY_STATUS(measure(step, state, round));
    }
    return {};
  }

  Json report() const;
  std::string table() const;

 private:
  static void remove(const Path& path) {
    std::error_code ec;  // absent is fine
    std::filesystem::remove(path, ec);
  }

  std::vector<std::string> prune_command(const Path& output) const {
    return {options_.coe.string(),    "prune",  "--no-verify",          "-q", "-m",
            options_.parent.string(), "--mask", options_.mask.string(), "-o", output.string()};
  }
  std::vector<std::string> verify_command() const {
    return {options_.coe.string(), "verify", "-q", options_.parent.string(), child_.string()};
  }

  // Another order in each round: what a step finds depends on the one before it (pages that were
  // just freed are cheaper than those the host has to give anew).
  static std::array<Step, kSteps.size()> order_of(unsigned round) {
    auto steps = kSteps;
    Rng(round).shuffle<Step>(steps);
    return steps;
  }

  Result<MeasuredRun> run_coe(const std::vector<std::string>& command) const {
    COE_TRY(auto run, run_measured(command));
    if (run.exit_code != 0)
      return fail(Code::kCheckFailed,
                  fmt::format("{} {}: exit code {}", command[0], command[1], run.exit_code));
    return run;
  }

  Status measure(Step step, CacheState state, unsigned round) {
    Measurement m{.step = step, .cache = state, .round = round};
    remove(output_);
    const std::array files = {options_.parent, child_};
    COE_TRY_STATUS(prepare_cache(state, files));
    COE_TRY(m.cached_parent, cached_share(options_.parent));
    COE_TRY(m.cached_child, cached_share(child_));
    COE_TRY_STATUS(perform(m));
    remove(output_);
    measurements_.push_back(m);
    fmt::print(stderr, "{} {} {}: {:.3f} s\n", cache_name(state), round + 1, step_name(step),
               m.seconds);
    return {};
  }

  Status perform(Measurement& m) {
    if (m.step == Step::kPrune || m.step == Step::kVerify) {
      COE_TRY(const auto run,
              run_coe(m.step == Step::kPrune ? prune_command(output_) : verify_command()));
      m.seconds = run.seconds;
      m.max_rss_bytes = run.max_rss_bytes;
      m.max_anon_bytes = run.max_anon_bytes;
      return {};
    }
    const auto start = std::chrono::steady_clock::now();
    if (m.step == Step::kRead) {
      const std::array files = {options_.parent, child_};
      COE_TRY_STATUS(read_files(files, n_core_));
    } else {
      COE_TRY_STATUS(copy_file(child_, output_, m.step == Step::kCopySynced));
    }
    m.seconds = seconds_since(start);
    return {};
  }

  std::vector<double> seconds_of(Step step, CacheState state) const {
    std::vector<double> seconds;
    for (const auto& m : measurements_)
      if (m.step == step && m.cache == state) seconds.push_back(m.seconds);
    std::ranges::sort(seconds);
    return seconds;
  }
  double median_of(Step step, CacheState state) const { return median(seconds_of(step, state)); }
  // Bytes that the step must at least read (copy, prune: and write) by definition.
  std::uint64_t bytes_of(Step step) const {
    const auto child = file_size(child_);
    return step == Step::kRead || step == Step::kVerify ? file_size(options_.parent) + child
                                                        : child;
  }
  static std::uint64_t file_size(const Path& path) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(path, ec);
    return ec ? 0 : size;
  }
  template <class T>
  std::uint64_t peak_of(Step step, T member) const {
    std::uint64_t peak = 0;
    for (const auto& m : measurements_)
      if (m.step == step) peak = std::max(peak, m.*member);
    return peak;
  }
  std::vector<CacheState> states() const {
    std::vector<CacheState> found;
    for (const auto state : {CacheState::kCold, CacheState::kWarm})
      if (!seconds_of(Step::kCopy, state).empty()) found.push_back(state);
    return found;
  }

  Options options_;
  Path child_;
  Path output_;
  unsigned n_core_;
  std::vector<Measurement> measurements_;
};

struct Ratio {
  std::string_view name;
  Step over;
  Step under;
};
constexpr std::array kRatios = {
    Ratio{"prune_to_copy_fsync", Step::kPrune, Step::kCopySynced},  // equal durability
    Ratio{"prune_to_copy", Step::kPrune, Step::kCopy},
    Ratio{"verify_to_read", Step::kVerify, Step::kRead},
};

Json Bench::report() const {
  const auto facts = machine_facts();
  Json doc = {{"schema", "coe.bench.surgery/1"}, {"version", tool_version()}};
  if (!options_.note.empty()) doc["note"] = options_.note;
  doc["machine"] = {{"cpu", facts.cpu},
                    {"n_core", facts.n_core},
                    {"memory_bytes", facts.memory_bytes},
                    {"kernel", facts.kernel},
                    {"file_system", file_system_of(options_.scratch)},
                    {"file_system_of_parent", file_system_of(options_.parent)},
                    {"date", facts.date}};
  doc["bytes_parent"] = file_size(options_.parent);
  doc["bytes_child"] = file_size(child_);
  for (const auto state : states()) {
    Json medians;
    for (const Step step : kSteps) medians[step_name(step)] = median_of(step, state);
    Json ratios;
    for (const auto& [name, over, under] : kRatios)
      ratios[name] = median_of(over, state) / median_of(under, state);
    doc[cache_name(state)] = {{"median_s", medians}, {"ratios_of_medians", ratios}};
  }
  doc["runs"] = Json::array();
  for (const auto& m : measurements_) {
    Json run = {{"cache", cache_name(m.cache)},     {"round", m.round},
                {"step", step_name(m.step)},        {"wall_s", m.seconds},
                {"cached_parent", m.cached_parent}, {"cached_child", m.cached_child}};
    if (m.max_rss_bytes != 0) {
      run["max_rss_bytes"] = m.max_rss_bytes;
      run["max_rss_anon_bytes"] = m.max_anon_bytes;
    }
    doc["runs"].push_back(std::move(run));
  }
  return doc;
}

std::string Bench::table() const {
  std::string text =
      fmt::format("parent {}, child {}, {} runs each\n\n", human_bytes(file_size(options_.parent)),
                  human_bytes(file_size(child_)), options_.n_run);
  text += fmt::format("{:<6}{:<12}{:>10}{:>10}{:>10}{:>10}\n", "cache", "step", "median s", "min s",
                      "max s", "GB/s");
  for (const auto state : states()) {
    for (const Step step : kSteps) {
      const auto seconds = seconds_of(step, state);
      const double median = median_of(step, state);
      text += fmt::format("{:<6}{:<12}{:>10.3f}{:>10.3f}{:>10.3f}{:>10.2f}\n", cache_name(state),
                          step_name(step), median, seconds.front(), seconds.back(),
                          static_cast<double>(bytes_of(step)) / median / 1e9);
    }
  }
  text += "\n";
  for (const auto state : states())
    for (const auto& [name, over, under] : kRatios)
      text += fmt::format("{:<6}{:<22}{:.2f}\n", cache_name(state), name,
                          median_of(over, state) / median_of(under, state));
  text += "\n";
  for (const Step step : {Step::kPrune, Step::kVerify})
    text += fmt::format("{}: peak memory {} ({} of it allocated, the rest pages of mapped files)\n",
                        step_name(step), human_bytes(peak_of(step, &Measurement::max_rss_bytes)),
                        human_bytes(peak_of(step, &Measurement::max_anon_bytes)));
  return text;
}

Status run_bench(const Options& options) {
  Bench bench(options);
  COE_TRY_STATUS(bench.run());
  fmt::print("{}", bench.table());
  if (options.json.empty()) return {};
  return write_file(options.json, bench.report().dump(2) + "\n", Overwrite::kAllow);
}

int run_cli(int argc, char** argv) {
  CLI::App app("Time `coe prune` and `coe verify` against a plain copy and a plain reading.",
               "surgery_bench");
  Options options;
  options.coe = std::filesystem::absolute(argv[0]).parent_path() / "coe";
  app.add_option("--parent", options.parent, "Parent GGUF")->required();
  app.add_option("--mask", options.mask, "Mask of it")->required();
  app.add_option("--scratch", options.scratch,
                 "Folder for the child and a copy of it, on the disk to be measured")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--coe", options.coe, "The binary (default: beside this one)");
  app.add_option("-n,--runs", options.n_run, "Runs of each step in each state of the cache")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  app.add_option("--cache", options.cache, "State of the page cache before each step")
      ->check(CLI::IsMember({"cold", "warm", "both"}))
      ->capture_default_str();
  app.add_option("--note", options.note, "Text for the report, e.g. the commit");
  app.add_option("--json", options.json, "Write every run here");
  CLI11_PARSE(app, argc, argv);
  const auto status = run_bench(options);
  if (status) return 0;
  fmt::print(stderr, "error: {}\n", status.error().message);
  if (!status.error().hint.empty()) fmt::print(stderr, "hint: {}\n", status.error().hint);
  return 1;
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
