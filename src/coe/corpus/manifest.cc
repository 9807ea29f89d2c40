#include "coe/corpus/manifest.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/build.h"
#include "coe/corpus/hooks.h"

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "coe.corpus-manifest/1";

Json bad_json(const std::vector<BadReason>& reasons) {
  Json out = Json::array();
  for (const auto& bad : reasons)
    out.push_back({{"reason", bad.reason}, {"n", bad.n}, {"first", bad.first}});
  return out;
}

Json domain_json(const BuiltDomain& domain, bool has_tokens) {
  return {{"name", domain.name},
          {"weight", domain.weight},
          {"n_record", domain.n_record},
          {"n_char", domain.n_char},
          {"n_token", has_tokens ? Json(domain.n_token) : Json(nullptr)},
          {"n_filtered", domain.n_filtered},
          {"n_duplicate", domain.n_duplicate},
          {"n_near_duplicate", domain.n_near_duplicate},
          {"n_bad", domain.n_bad},
          {"bad", bad_json(domain.bad)},
          {"left_out", domain.left_out}};
}

}  // namespace

void SourceLog::add(const Path& path, const Path& root, std::string_view bytes) {
  // An empty root is the working folder.
  const Path base = root.empty() ? Path(".") : root;
  const std::string name =
      path.lexically_normal().lexically_relative(base.lexically_normal()).generic_string();
  files_[name.empty() ? path.generic_string() : name] = {bytes.size(), digest_of(bytes)};
}

Path manifest_path(const Path& output) {
  Path out = output;
  out += ".manifest.json";
  return out;
}

bool is_manifest(std::string_view text) {
  const auto json = parse_json<Json>(text);
  return json.is_object() && json.contains("schema") && json["schema"] == kSchema;
}

Result<std::string> manifest_json(const CorpusBuildOptions& options, std::string_view spec_text,
                                  const SourceLog& sources, const CorpusBuildReport& report,
                                  const ModelHooks& model) {
  try {
    const bool has_model = static_cast<bool>(model.count_tokens);
    Json out = {{"schema", kSchema}, {"version", tool_version()}};
    out["spec"] = {{"name", options.spec.filename().string()}, {"digest", digest_of(spec_text)}};
    if (options.held_out) out["spec"]["held_out"] = true;
    out["model"] = has_model ? Json{{"name", model.model_name}, {"digest", model.model_digest}}
                             : Json(nullptr);
    out["output"] = {{"name", options.output.filename().string()},
                     {"n_byte", report.n_byte},
                     {"digest", report.digest},
                     {"n_record", report.n_record}};
    out["domains"] = Json::array();
    for (const auto& domain : report.domains)
      out["domains"].push_back(domain_json(domain, has_model));
    out["sources"] = Json::array();
    for (const auto& [path, file] : sources.files())
      out["sources"].push_back({{"path", path}, {"n_byte", file.n_byte}, {"digest", file.digest}});
    return json_text(out, 2) + "\n";
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("manifest: {}", error.what()));
  }
}

}  // namespace coe
