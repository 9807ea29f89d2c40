#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/model/gguf/sidecar.h"
#include "coe/model/moe/sidecar_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

constexpr gguf::SidecarKind kDispatcherKind = {.type = "coe-dispatcher",
                                               .what = "dispatcher",
                                               .version_key = "coe.dispatcher.version",
                                               .newest_version = 1,
                                               .how_to_make = "make one with `coe dispatcher`",
                                               .how_to_read_newer = "update coe"};

// A name of the file's own, as rows of a column.
struct NamedDomain {
  std::string name;
};

// The text model in the forms that a sidecar has.
struct TextTables {
  std::vector<std::int64_t> features;
  std::vector<float> weights;
  std::vector<float> bias;
};

TextTables tables_of(const TextModel& model) {
  TextTables out{{}, model.weights, model.bias};
  for (const auto hash : model.features) out.features.push_back(std::bit_cast<std::int64_t>(hash));
  return out;
}

TextModel model_of(TextTables tables) {
  TextModel out{{}, std::move(tables.weights), std::move(tables.bias)};
  for (const auto hash : tables.features)
    out.features.push_back(std::bit_cast<std::uint64_t>(hash));
  return out;
}

template <class File, class Calibrated>
void visit_calibration(File& file, Calibrated& calibration) {
  file.key("coe.dispatcher.weight.text", calibration.weights[0]);
  file.key("coe.dispatcher.weight.routing", calibration.weights[1]);
  file.key("coe.dispatcher.threshold", calibration.threshold);
  file.key("coe.dispatcher.least_known", calibration.least_known);
}

template <class File, class Made>
void visit_head(File& file, std::uint32_t& version, std::string& by,
                std::vector<NamedDomain>& domains, Made& dispatcher) {
  file.version(kDispatcherKind, version);
  file.key("coe.dispatcher.by", by);
  file.first_column("coe.dispatcher.names", domains, &NamedDomain::name);
  visit_calibration(file, dispatcher.calibration);
  file.key("coe.dispatcher.corpus_digest", dispatcher.corpus_digest);
  visit_origin(file, dispatcher);
}

// Rows are features: their number is the tensor's.
void visit_text(gguf::SidecarWriter& file, const TextTables& text) {
  file.rows("text.features", {}, text.features);
  file.rows("text.weights", {text.bias.size()}, text.weights);
  file.tensor("text.bias", {text.bias.size()}, text.bias);
}

void visit_text(gguf::SidecarReader& file, std::size_t n_domain, TextTables& text) {
  file.rows("text.features", {}, text.features);
  file.rows("text.weights", {n_domain}, text.weights);
  file.tensor("text.bias", {n_domain}, text.bias);
}

template <class File, class Routing, class Blocks>
void visit_routing(File& file, Routing& routing, Blocks& blocks) {
  const std::string prefix = "coe.dispatcher";
  visit_parent(file, prefix, blocks.parent);
  visit_grid(file, prefix, routing.grid);
  file.key("coe.dispatcher.blocks.file", blocks.file);
  file.key("coe.dispatcher.blocks.bytes", blocks.bytes);
  file.key("coe.dispatcher.blocks.digest", blocks.digest);
  for (std::size_t d = 0; d < routing.domains.size(); ++d) {
    auto& domain = routing.domains[d];
    file.tensor(fmt::format("domain.{}.n_tokens", d), domain.n_token);
    file.tensor(fmt::format("domain.{}.choices", d),
                {routing.grid.n_expert, routing.grid.n_layer()}, domain.counts);
  }
}

bool is_share(double value) { return value >= 0.0 && value <= 1.0; }

bool is_evidence_weight(double value) { return value >= 0.0 && value <= kMostEvidenceWeight; }

// What holds of every dispatcher, whoever made it.
Status check_dispatcher(const Dispatcher& dispatcher) {
  const auto& names = dispatcher.names;
  const auto wrong = [](std::string what) { return fail(Code::kCorrupt, std::move(what)); };
  if (names.size() < 2) return wrong(fmt::format("a dispatcher to {} specialists", names.size()));
  if (std::ranges::adjacent_find(names, std::ranges::greater_equal()) != names.end())
    return wrong("the names of the specialists do not ascend");
  for (const auto& name : names)
    if (name.empty() || find_invalid_utf8(name) != std::string_view::npos)
      return wrong("the name of a specialist is empty or no UTF-8");
  const auto& calibration = dispatcher.calibration;
  if (!std::ranges::all_of(calibration.weights, is_evidence_weight) ||
      !is_share(calibration.threshold) || !is_share(calibration.least_known))
    return wrong("a number of the calibration is out of its bounds");
  const auto uses = evidence_of(dispatcher.by);
  if (uses[0] != dispatcher.text.has_value() || uses[1] != dispatcher.routing.has_value())
    return wrong(
        fmt::format("a dispatcher by {} has not what that takes", choose_by_name(dispatcher.by)));
  if (dispatcher.text) {
    COE_TRY_STATUS(check_text_model(*dispatcher.text));
    if (dispatcher.text->n_domain() != names.size())
      return wrong(fmt::format("a text model of {} domains for {} specialists",
                               dispatcher.text->n_domain(), names.size()));
  }
  if (!dispatcher.routing) return {};
  COE_TRY_STATUS(check_routing_model(*dispatcher.routing));
  if (dispatcher.routing->domains.size() != names.size())
    return wrong(fmt::format("routing of {} domains for {} specialists",
                             dispatcher.routing->domains.size(), names.size()));
  const auto& file = dispatcher.blocks.file;
  if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos ||
      file.find('\0') != std::string::npos)
    return wrong("the file of the first blocks is no name of a file in the dispatcher's folder");
  return {};
}

Result<ChooseBy> by_of(std::string_view name) {
  for (const auto by : {ChooseBy::kText, ChooseBy::kRouting, ChooseBy::kBoth})
    if (choose_by_name(by) == name) return by;
  return fail(Code::kCorrupt, "key `coe.dispatcher.by` is none of text, routing, both");
}

Result<Dispatcher> read_all(gguf::SidecarReader& file) {
  Dispatcher out;
  file.type(kDispatcherKind);
  std::uint32_t version = 0;
  std::string by;
  std::vector<NamedDomain> domains;
  visit_head(file, version, by, domains, out);
  COE_TRY_STATUS(file.status());
  COE_TRY(out.by, by_of(by));
  for (auto& domain : domains) out.names.push_back(std::move(domain.name));
  const auto uses = evidence_of(out.by);
  if (uses[0]) {
    TextTables tables;
    visit_text(file, out.names.size(), tables);
    out.text = model_of(std::move(tables));
  }
  if (uses[1]) {
    auto& routing = out.routing.emplace();
    routing.domains.resize(out.names.size());
    visit_routing(file, routing, out.blocks);
  }
  file.nothing_else(kDispatcherKind);
  COE_TRY_STATUS(file.status());
  COE_TRY_STATUS(check_dispatcher(out));
  return out;
}

}  // namespace

Status write_dispatcher(const Path& path, const Dispatcher& dispatcher, Overwrite overwrite) {
  COE_TRY_STATUS(check_dispatcher(dispatcher));
  gguf::SidecarWriter file;
  file.type(kDispatcherKind);
  std::uint32_t version = kDispatcherKind.newest_version;
  std::string by(choose_by_name(dispatcher.by));
  std::vector<NamedDomain> domains;
  domains.reserve(dispatcher.names.size());
  for (const auto& name : dispatcher.names) domains.push_back({name});
  visit_head(file, version, by, domains, dispatcher);
  if (dispatcher.text) visit_text(file, tables_of(*dispatcher.text));
  if (dispatcher.routing) visit_routing(file, *dispatcher.routing, dispatcher.blocks);
  return std::move(file).write(path, overwrite);
}

Result<Dispatcher> read_dispatcher(const Path& path) { return gguf::read_sidecar(path, read_all); }

}  // namespace coe
