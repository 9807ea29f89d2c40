#include "coe/webgen/run.h"

#include "coe/base/descriptor.h"
#include "coe/base/hash.h"
#include "coe/base/jobs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fcntl.h>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

namespace coe {

namespace {

constexpr const char* kSchema = "coe.web-outcomes/1";
constexpr unsigned kMostBrowsers = 8;

// What an outcome is of: the suite as it is, and the very text.
std::string key_of(const WebSuite& suite, const WebAttempt& attempt) {
  return digest_of(fmt::format("{}\n{}\n{}\n{}\n{}", suite.digest, suite.tasks[attempt.task].id,
                               attempt.name, attempt.is_source, attempt.text));
}

Json outcome_json(const std::string& key, const WebOutcome& outcome) {
  Json json = {{"schema", kSchema},
               {"key", key},
               {"seconds", outcome.seconds},
               {"peak_memory", outcome.peak_memory},
               {"pictures", outcome.pictures},
               {"blocked", outcome.blocked}};
  if (outcome.fault)
    json["fault"] = {{"kind", fault_name(outcome.fault->kind)},
                     {"reason", outcome.fault->reason},
                     {"step", outcome.fault->step}};
  return json;
}

// Nothing for a line that is none: a kill may have cut the last.
std::optional<std::pair<std::string, WebOutcome>> outcome_from(const std::string& line) {
  const auto json = Json::parse(line, nullptr, false);
  if (!json.is_object() || json.value("schema", "") != kSchema) return {};
  WebOutcome out;
  try {
    out.seconds = json.at("seconds").get<double>();
    out.peak_memory = json.at("peak_memory").get<std::uint64_t>();
    out.pictures = json.at("pictures").get<std::vector<std::string>>();
    out.blocked = json.at("blocked").get<std::vector<std::string>>();
    if (const auto fault = json.find("fault"); fault != json.end()) {
      const auto kind = fault_from_name(fault->at("kind").get<std::string>());
      if (!kind) return {};
      out.fault =
          TrialFault{*kind, fault->at("reason").get<std::string>(), fault->at("step").get<int>()};
    }
    return std::pair{json.at("key").get<std::string>(), std::move(out)};
  } catch (const Json::exception&) {
    return {};
  }
}

class Outcomes {
 public:
  static Result<std::unique_ptr<Outcomes>> open(const WebRunOptions& options) {
    auto out = std::make_unique<Outcomes>();
    if (options.journal.empty()) return out;
    out->path_ = options.journal;
    if (!options.restart) {
      const auto text = read_text(options.journal);
      if (!text && text.error().code != Code::kNotFound) return tl::unexpected(text.error());
      std::istringstream lines(text ? *text : std::string());
      for (std::string line; std::getline(lines, line);)
        if (auto found = outcome_from(line)) out->known_.insert(*std::move(found));
    }
    out->file_ = Descriptor(
        ::open(options.journal.c_str(),
               O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | (options.restart ? O_TRUNC : 0), 0644));
    if (out->file_.get() < 0) return tl::unexpected(io_error(options.journal, "open"));
    return out;
  }
  Outcomes() = default;

  const WebOutcome* find(const std::string& key) const {
    const auto found = known_.find(key);
    return found == known_.end() ? nullptr : &found->second;
  }
  // By several threads. A newline first: a kill may have left half a line.
  Status add(const std::string& key, const WebOutcome& outcome) {
    if (file_.get() < 0) return {};
    const std::scoped_lock lock(mutex_);
    const auto line =
        "\n" + outcome_json(key, outcome).dump(-1, ' ', false, Json::error_handler_t::replace) +
        "\n";
    return write_all(file_.get(), std::as_bytes(std::span(line)), path_);
  }

 private:
  Path path_;
  Descriptor file_;
  std::map<std::string, WebOutcome> known_;
  std::mutex mutex_;
};

Result<WebOutcome> outcome_of(const WebTask& task, const WebAttempt& attempt, TrialResult result,
                              const Path& pictures) {
  WebOutcome out{
      attempt.task,   attempt.name,      std::move(result.fault), {}, std::move(result.blocked),
      result.seconds, result.peak_memory};
  if (pictures.empty()) return out;
  for (const auto& picture : result.pictures) {
    const auto file = fmt::format("{}-{}-{}.png", task.id, attempt.name, picture.name);
    COE_TRY_STATUS(write_file(pictures / file, picture.png, Overwrite::kAllow));
    out.pictures.push_back(file);
  }
  return out;
}

}  // namespace

Result<std::vector<WebOutcome>> try_all(const WebSuite& suite, std::span<const WebAttempt> attempts,
                                        const WebRunOptions& options, Observer& observer) {
  if (!options.pictures.empty()) COE_TRY_STATUS(make_folder(options.pictures));
  COE_TRY(const auto journal, Outcomes::open(options));
  std::vector<WebOutcome> out(attempts.size());
  std::vector<std::string> keys;
  std::vector<std::size_t> due;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    keys.push_back(key_of(suite, attempts[i]));
    if (const auto* known = journal->find(keys.back())) {
      out[i] = *known;
      out[i].task = attempts[i].task;
      out[i].name = attempts[i].name;
    } else {
      due.push_back(i);
    }
  }
  if (due.empty()) return out;
  COE_TRY(const auto axe, axe_source(suite.folder));
  const unsigned n_core = std::max(1U, std::thread::hardware_concurrency());
  JobPlan plan{due.size(), "pages", due.size(), "answers",
               options.n_parallel > 0 ? options.n_parallel : std::min(n_core, kMostBrowsers)};
  const auto worker = [&]() -> Worker {
    auto tester = std::make_shared<Tester>(suite, options.browser, axe);
    return [&, tester](std::size_t job) -> Result<std::uint64_t> {
      const std::size_t i = due[job];
      const auto& attempt = attempts[i];
      const auto& task = suite.tasks[attempt.task];
      COE_TRY(auto result, attempt.is_source ? tester->try_answer(task, attempt.text)
                                             : tester->try_reply(task, attempt.text));
      COE_TRY(out[i], outcome_of(task, attempt, std::move(result), options.pictures));
      COE_TRY_STATUS(journal->add(keys[i], out[i]));
      return 1;
    };
  };
  const auto ran = run_jobs(plan, worker, observer);
  if (!ran && ran.error().code == Code::kCancelled)
    return fail(Code::kCancelled, "pages: interrupted",
                options.journal.empty() ? "" : "the same command goes on from there");
  COE_TRY_STATUS(ran);
  return out;
}

}  // namespace coe
