#include "coe/verify/verify.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/gguf/printable.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/value.h"
#include "coe/mask/keep_mask.h"
#include "coe/moe/model.h"
#include "coe/verify/compare.h"
#include "coe/verify/findings.h"
#include "coe/verify/kept.h"
#include "coe/verify/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace coe {
namespace {

constexpr std::string_view kMaskArgument = "the mask given";

// The child's <arch>.expert_count; without a usable one there is nothing to compare with.
Result<std::uint32_t> read_n_keep(const gguf::GgufFile& child, const MoeModel& parent) {
  const std::string key = fmt::format("{}.expert_count", parent.id.architecture);
  const gguf::Value* value = child.header().find_key(key);
  const auto count = value == nullptr ? std::nullopt : value->as_uint();
  if (!count || *count == 0 || *count > parent.n_expert)
    return fail(
        Code::kMismatch,
        fmt::format("{}: key `{}` is {} vs 1 to {}", child.path().string(), gguf::printable(key),
                    value == nullptr ? "missing" : value->preview(), parent.n_expert),
        "give the parent first and a specialist cut from it second");
  return static_cast<std::uint32_t>(*count);
}

// The order in which kept ids are believed: argument, embedded mask, router rows.
KeptExperts find_kept(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                      const MoeModel& model, const std::optional<KeepMask>& argument,
                      std::span<const TensorPair> pairs, VerifyReport& report, Findings& findings) {
  const auto embedded = embedded_mask(child, model, findings);
  if (argument && embedded && argument->layers() != embedded->layers())
    findings.add("key `coe.mask`", "keeps other experts than the mask given");
  for (const auto* mask : {argument ? &*argument : nullptr, embedded ? &*embedded : nullptr}) {
    if (mask == nullptr) continue;
    if (mask->n_keep() == report.n_keep) return mask->layers();
    findings.add("file", fmt::format("has {} experts a layer, the mask keeps {}", report.n_keep,
                                     mask->n_keep()));
  }
  report.mask_recovered = !argument && !embedded;
  return recover_kept(parent, child, pairs, model.n_expert, report.n_keep, findings);
}

}  // namespace

Result<VerifyReport> verify_child(const Path& parent_path, const Path& child_path,
                                  const std::optional<KeepMask>& mask, Observer& observer) {
  COE_TRY(const auto parent, gguf::GgufFile::open(parent_path));
  COE_TRY(const auto child, gguf::GgufFile::open(child_path));
  COE_TRY(const auto model, describe_moe(parent));
  if (mask) COE_TRY_STATUS(check_mask(*mask, model, kMaskArgument));
  VerifyReport report;
  COE_TRY(report.n_keep, read_n_keep(child, model));

  Findings findings;
  check_keys(parent.header(), child.header(), model.id.architecture, report.n_keep, findings);
  check_provenance(child.header(), model, report.n_keep, findings);
  const auto pairs =
      check_tensors(parent.header(), child.header(), model.n_expert, report.n_keep, findings);
  check_padding(child, findings);
  if (const auto described = describe_moe(child); !described)
    findings.add("file", described.error().message);
  const auto kept = find_kept(parent, child, model, mask, pairs, report, findings);
  COE_TRY(const auto counts, compare_tensors(parent, child, pairs, kept, observer, findings));

  report.n_tensor = child.header().tensors.size();
  report.n_tensor_cut = static_cast<std::uint64_t>(
      std::ranges::count_if(pairs, [](const auto& pair) { return pair.layer.has_value(); }));
  report.n_expert_checked = counts.n_expert;
  report.n_bytes_compared = counts.n_bytes;
  report.bad = findings.take();
  return report;
}

}  // namespace coe
