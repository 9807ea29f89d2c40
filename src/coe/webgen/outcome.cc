#include "coe/webgen/outcome.h"

#include "coe/base/json.h"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <span>
#include <sstream>

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "coe.web-outcomes/1";

}  // namespace

std::string outcome_line(std::string_view key, const WebOutcome& outcome) {
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
  return json_line(json);
}

std::optional<std::pair<std::string, WebOutcome>> parse_outcome_line(std::string_view line) {
  const auto json = Json::parse(line, nullptr, false);
  WebOutcome out;
  try {  // the library throws where a member is missing or of another type
    if (json.at("schema").get<std::string>() != kSchema) return {};
    out.seconds = json.at("seconds").get<double>();
    const auto peak = unsigned_at(json, "peak_memory");
    if (!peak) return {};
    out.peak_memory = *peak;
    out.pictures = json.at("pictures").get<std::vector<std::string>>();
    out.blocked = json.at("blocked").get<std::vector<std::string>>();
    if (const auto found = json.find("fault"); found != json.end()) {
      const auto kind = fault_from_name(found->at("kind").get<std::string>());
      const auto& step = found->at("step");
      if (!kind || !step.is_number_integer()) return {};
      out.fault = TrialFault{*kind, found->at("reason").get<std::string>(), step.get<int>()};
    }
    return std::pair{json.at("key").get<std::string>(), std::move(out)};
  } catch (const Json::exception&) {
    return {};
  }
}

Result<std::unique_ptr<WebJournal>> WebJournal::open(const Path& path, bool restart) {
  std::unique_ptr<WebJournal> out(new WebJournal);
  if (path.empty()) return out;
  out->path_ = path;
  if (!restart) {
    const auto text = read_text(path);
    if (!text && text.error().code != Code::kNotFound) return tl::unexpected(text.error());
    std::istringstream lines(text ? *text : std::string());
    for (std::string line; std::getline(lines, line);)
      if (auto found = parse_outcome_line(line)) out->known_.insert(*std::move(found));
  }
  out->file_ = Descriptor(::open(
      path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | (restart ? O_TRUNC : 0), 0644));
  if (out->file_.get() < 0) return tl::unexpected(io_error(path, "open"));
  return out;
}

const WebOutcome* WebJournal::find(const std::string& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : &found->second;
}

Status WebJournal::add(std::string_view key, const WebOutcome& outcome) {
  if (file_.get() < 0) return {};
  const std::scoped_lock lock(mutex_);
  // A newline first: a kill may have left half a line.
  const auto line = "\n" + outcome_line(key, outcome);
  return write_all(file_.get(), std::as_bytes(std::span(line)), path_);
}

}  // namespace coe
