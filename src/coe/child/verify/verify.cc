#include "coe/child/verify/verify.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/child/verify/compare.h"
#include "coe/child/verify/findings.h"
#include "coe/child/verify/healed.h"
#include "coe/child/verify/kept.h"
#include "coe/child/verify/names.h"
#include "coe/child/verify/rewritten.h"
#include "coe/child/verify/structure.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {
namespace {

constexpr std::string_view kMaskArgument = "the mask given";

// The child's <arch>.<name>; without a usable one there is nothing to compare with.
Result<std::uint32_t> read_count(const gguf::GgufFile& child, const MoeModel& parent,
                                 std::string_view name, std::uint32_t most) {
  const std::string key = fmt::format("{}.{}", parent.id.architecture, name);
  const gguf::Value* value = child.header().find_key(key);
  const auto count = value == nullptr ? std::nullopt : value->as_uint();
  if (!count || *count == 0 || *count > most)
    return fail(Code::kMismatch,
                fmt::format("{}: key `{}` is {} vs 1 to {}", child.path().string(), printable(key),
                            value == nullptr ? "missing" : value->preview(), most),
                "give the parent first and a specialist cut from it second");
  return static_cast<std::uint32_t>(*count);
}

Result<CutForm> read_form(const gguf::GgufFile& child, const MoeModel& model,
                          std::uint32_t n_used) {
  CutForm form;
  form.n_used = n_used;
  COE_TRY(form.n_keep, read_count(child, model, "expert_count", model.n_expert));
  // As many experts as the parent has, all of them kept, are no zeroed ones where the child says
  // so.
  const auto* mode = child.header().find_key("coe.mode");
  const bool says_sliced = mode != nullptr && *mode == gguf::Value::string("slice");
  form.zero = form.n_keep == model.n_expert && !(form.n_used > 0 && says_sliced);
  if (model.n_mtp > 0) {
    COE_TRY(const auto n_block, read_count(child, model, "block_count", model.n_block));
    form.mtp_dropped = n_block == model.n_block - model.n_mtp;
  }
  return form;
}

// The order in which kept ids are believed: argument, embedded mask, the files' own bytes. A mask
// may leave out MTP layers.
Result<KeptExperts> find_kept(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                              const MoeModel& model, const std::optional<KeepMask>& argument,
                              const std::optional<KeepMask>& embedded,
                              std::span<const TensorPair> pairs, CutForm& form,
                              VerifyReport& report, Findings& findings) {
  KeptExperts kept;
  for (const auto* mask : {argument ? &*argument : nullptr, embedded ? &*embedded : nullptr}) {
    if (mask == nullptr) continue;
    if (form.zero) form.n_keep = mask->n_keep();
    if (mask->n_keep() != form.n_keep) {
      findings.add("file", fmt::format("has {} experts a layer, the mask keeps {}", form.n_keep,
                                       mask->n_keep()));
      continue;
    }
    for (const auto& [layer, ids] : mask->layers()) {
      const auto [found, is_new] = kept.emplace(layer, ids);
      if (!is_new && found->second != ids)
        findings.add("key `coe.mask`", fmt::format("keeps other experts of layer {} than the mask "
                                                   "given",
                                                   layer.value));
    }
  }
  report.mask_recovered = !argument && !embedded;
  COE_TRY(auto recovered, recover_kept(parent, child, pairs, model.n_expert, form, kept, findings));
  kept.merge(recovered);
  if (form.zero && !kept.empty())
    form.n_keep = static_cast<std::uint32_t>(kept.begin()->second.size());
  for (const auto& [layer, ids] : kept)
    if (ids.size() != form.n_keep)
      findings.add("file", fmt::format("layer {} keeps {} experts, layer {} keeps {}", layer.value,
                                       ids.size(), kept.begin()->first.value, form.n_keep));
  return kept;
}

Result<VerifyReport> verify_files(const gguf::GgufFile& parent, const gguf::GgufFile& child,
                                  const std::optional<KeepMask>& mask,
                                  const gguf::Dequantizer* dequantizer, Observer& observer,
                                  Healed healed) {
  COE_TRY(const auto model, describe_moe(parent));
  Findings findings;
  COE_TRY(auto form,
          read_form(child, model, recorded_used(parent.header(), child.header(), model, findings)));
  if (mask) COE_TRY_STATUS(check_mask(*mask, model, kMaskArgument, may_keep_all(form.n_used)));

  VerifyReport report;
  const auto record = read_heal_record(parent.header(), child.header(), findings);
  const auto pairs = check_tensors(parent.header(), child.header(), model, form, record, findings);
  const auto embedded = embedded_mask(child, model, form, findings);
  COE_TRY(const auto kept,
          find_kept(parent, child, model, mask, embedded, pairs, form, report, findings));
  check_keys(parent.header(), child.header(), model, form, kept, findings);
  check_names(parent.header(), child.header(), model, form, embedded,
              pairs.size() == child.header().tensors.size(), findings);
  check_provenance(child.header(), model, form, findings);
  COE_TRY_STATUS(check_padding(child, findings));
  if (const auto described = describe_moe(child); !described)
    findings.add("file", described.error().message);
  COE_TRY_STATUS(check_rewritten(parent, child, pairs, kept, form, findings));
  COE_TRY(report.healed, check_healed(parent, child, pairs, record, dequantizer, findings));
  if (healed == Healed::kRefuse)
    for (const auto& tensor : report.healed)
      findings.add(tensor.tensor, "is healed: `coe verify --healed` proves the rest");
  COE_TRY(auto compared,
          compare_tensors(parent, child, pairs, kept, form, dequantizer, observer, findings));

  COE_TRY_STATUS(parent.check_unchanged());
  COE_TRY_STATUS(child.check_unchanged());
  report.n_keep = form.n_keep;
  report.n_used = form.n_used;
  report.zeroed = form.zero;
  report.mtp_dropped = form.mtp_dropped;
  report.n_tensor = child.header().tensors.size();
  report.n_tensor_cut =
      static_cast<std::uint64_t>(std::ranges::count_if(pairs, [](const auto& pair) {
        return pair.kind != PairKind::kWhole && pair.kind != PairKind::kHealed;
      }));
  report.n_expert_checked = compared.n_expert;
  report.n_bytes_compared = compared.n_bytes;
  report.norms = std::move(compared.norms);
  report.bad = findings.take();
  return report;
}

}  // namespace

Result<VerifyReport> verify_child(const Path& parent_path, const Path& child_path,
                                  const std::optional<KeepMask>& mask,
                                  const gguf::Dequantizer* dequantizer, Observer& observer,
                                  Healed healed) {
  COE_TRY(const auto parent, gguf::GgufFile::open(parent_path));
  COE_TRY(const auto child, gguf::GgufFile::open(child_path));
  return verify_files(parent, child, mask, dequantizer, observer, healed);
}

Result<VerifyReport> prove_child(const Path& parent_path, std::span<const Path> files,
                                 const Path& name, const KeepMask& mask,
                                 const gguf::Dequantizer* dequantizer, Observer& observer,
                                 Healed healed) {
  COE_TRY(const auto parent, gguf::GgufFile::open(parent_path));
  COE_TRY(const auto child, gguf::GgufFile::open_parts(files));
  auto report = verify_files(parent, child, mask, dequantizer, observer, healed);
  if (!report || report->ok()) return report;
  const auto& first = report->bad.front();
  return fail(Code::kCheckFailed,
              fmt::format("{}: failed its proof and is not kept: {}: {}", name.string(),
                          first.where, first.message),
              "look at the parent: `coe verify PARENT PARENT` finds values that are no numbers; "
              "else check the disk");
}

}  // namespace coe
