#include "coe/measure/cells/cells.h"

#include "coe/base/json.h"
#include "coe/base/sealed_json.h"
#include "coe/base/text.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "coe.transfer-cells/3";

Json to_json(const DomainEval& eval) {
  Json records = Json::array();
  for (const auto& r : eval.records)
    records.push_back(
        {r.n_token, r.nll, r.reference_nll, r.kl, r.n_top1_same, r.n_hit, r.n_reference_hit});
  return {{"kl_max", eval.kl_max},
          {"logit_diff_max", eval.logit_diff_max},
          {"top1_gap_max", eval.top1_gap_max},
          {"records", std::move(records)}};
}

bool plausible(const RecordEval& r) {
  return r.n_token > 0 && std::isfinite(r.nll) && std::isfinite(r.reference_nll) &&
         std::isfinite(r.kl) && r.kl >= 0.0 && r.n_top1_same <= r.n_token && r.n_hit <= r.n_token &&
         r.n_reference_hit <= r.n_token;
}

// False for what to_json cannot have written; Json's exceptions go to the caller.
bool from_json(const Json& json, DomainEval& eval) {
  eval.kl_max = json.at("kl_max");
  eval.logit_diff_max = json.at("logit_diff_max");
  eval.top1_gap_max = json.at("top1_gap_max");
  for (const auto& row : json.at("records")) {
    if (row.size() != 7) return false;
    RecordEval r;
    r.n_token = row.at(0);
    r.nll = row.at(1);
    r.reference_nll = row.at(2);
    r.kl = row.at(3);
    r.n_top1_same = row.at(4);
    r.n_hit = row.at(5);
    r.n_reference_hit = row.at(6);
    if (!plausible(r)) return false;
    eval.add(r);
  }
  return eval.n_record > 0;
}

}  // namespace

std::string cell_settings(std::string_view model_digest, const SubDomain& text,
                          const EvalOptions& options, std::string_view run_settings) {
  Corpus corpus;
  corpus.domains.push_back(text);
  corpus.domains.front().weight = 1.0;  // changes no cell
  return fmt::format("model={} text={} max_tokens={} window={} stride={} {}", model_digest,
                     corpus_digest(corpus), options.max_tokens, options.window, options.stride,
                     run_settings);
}

Result<DomainCells> DomainCells::open(const Path& file, std::string domain, std::string settings,
                                      Overwrite overwrite) {
  DomainCells cells(file, std::move(domain), std::move(settings));
  std::error_code ec;
  if (!std::filesystem::exists(file, ec)) return cells;
  const auto problem = cells.read();
  if (!problem) return cells;
  if (overwrite == Overwrite::kRefuse)
    return fail(Code::kExists,
                fmt::format("{}: holds measurements of another run: {}", file.string(), *problem),
                "choose another folder, or add --force to measure anew");
  cells.cells_.clear();
  cells.engine_.clear();
  return cells;
}

std::optional<std::string> DomainCells::read() {
  const auto text = read_text(file_);
  if (!text) return text.error().message;
  constexpr const char* kOtherForm = "it has another form, or was damaged";
  try {
    const Json found = open_sealed_json(*text);
    if (found.at("schema") != kSchema) return kOtherForm;
    if (found.at("domain") != domain_)
      return fmt::format("domain ({} vs {})", found.at("domain").get<std::string>(), domain_);
    if (auto difference = settings_difference(found.at("settings").get<std::string>(), settings_))
      return difference;
    engine_ = found.at("engine").get<std::string>();
    for (const auto& [digest, json] : found.at("masks").items()) {
      DomainEval eval;
      eval.name = domain_;
      if (!from_json(json, eval)) return kOtherForm;
      cells_.insert_or_assign(digest, std::move(eval));
    }
    return std::nullopt;
  } catch (const Json::exception&) {
    return kOtherForm;
  }
}

const DomainEval* DomainCells::find(std::string_view mask_digest) const {
  const auto found = cells_.find(mask_digest);
  return found == cells_.end() ? nullptr : &found->second;
}

Status DomainCells::add(std::map<std::string, DomainEval, std::less<>> measured,
                        std::string engine) {
  engine_ = std::move(engine);
  for (auto& [digest, eval] : measured) {
    eval.name = domain_;
    cells_.insert_or_assign(digest, std::move(eval));
  }
  Json masks = Json::object();
  for (const auto& [digest, eval] : cells_) masks[digest] = to_json(eval);
  Json document = {{"schema", kSchema}, {"version", tool_version()},
                   {"domain", domain_}, {"settings", settings_},
                   {"engine", engine_}, {"masks", std::move(masks)}};
  return write_file(file_, sealed_json(std::move(document)), Overwrite::kAllow);
}

}  // namespace coe
