#include "coe/measure/webgen/outcome.h"

#include "coe/base/json.h"
#include "coe/base/lines.h"

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "coe.web-outcomes/1";
constexpr std::string_view kJournalSchema = "coe.web-outcomes.journal/1";

std::string header_line(std::string_view suite) {
  return json_line(Json{{"schema", kJournalSchema}, {"suite", suite}});
}

// Digest of the suite; nothing for a line that is no header.
std::optional<std::string> parse_header_line(std::string_view line) {
  const auto json = parse_json<Json>(line);
  try {  // the library throws where a member is missing or of another type
    if (json.at("schema").get<std::string>() != kJournalSchema) return {};
    return json.at("suite").get<std::string>();
  } catch (const Json::exception&) {
    return {};
  }
}

using Known = std::map<std::string, WebOutcome>;

// Files from before there was a header begin with an empty line, and may hold lines that a kill
// left unfinished, anywhere.
Known read_old_journal(std::string_view text) {
  Known known;
  LineReader lines(text);
  while (const auto line = lines.next())
    if (auto found = parse_outcome_line(line->text)) known.insert(*std::move(found));
  return known;
}

// Nothing where there is nothing of this suite.
Result<std::optional<Known>> read_journal(const JournalFile& file, std::string_view suite) {
  const auto bad_line = [&](const Line& line, std::string_view why) {
    return tl::unexpected(bad_journal_line(file.path(), line.number, why));
  };
  if (file.text().starts_with('\n')) return read_old_journal(file.text());
  LineReader lines(file.text());
  const auto first = lines.next();
  if (!first) return std::nullopt;
  const auto header = parse_header_line(first->text);
  if (!header) return bad_line(*first, "no journal of coe");
  if (*header != suite) return std::nullopt;
  Known known;
  while (const auto line = lines.next()) {
    auto found = parse_outcome_line(line->text);
    if (!found) return bad_line(*line, "no outcome of a page");
    known.insert(*std::move(found));
  }
  return known;
}

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
  const auto json = parse_json<Json>(line);
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

Result<std::unique_ptr<WebJournal>> WebJournal::open(const Path& path, std::string_view suite,
                                                     bool restart) {
  std::unique_ptr<WebJournal> out(new WebJournal);
  if (path.empty()) return out;
  COE_TRY(out->file_, JournalFile::open(path, restart));
  std::optional<Known> known;
  if (!restart) {
    COE_TRY(known, read_journal(*out->file_, suite));
  }
  if (known) {
    out->known_ = *std::move(known);
  } else {
    COE_TRY_STATUS(out->file_->begin(header_line(suite)));
  }
  return out;
}

const WebOutcome* WebJournal::find(const std::string& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : &found->second;
}

Status WebJournal::add(std::string_view key, const WebOutcome& outcome) {
  if (!file_) return {};
  const std::scoped_lock lock(mutex_);
  return file_->append(outcome_line(key, outcome));
}

}  // namespace coe
