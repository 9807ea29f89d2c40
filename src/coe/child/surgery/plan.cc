#include "coe/child/surgery/plan.h"

#include "coe/base/checked.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/child/surgery/child_keys.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/encoding.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/token_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Far below any sum of a probability and a real bias, and far from overflow.
constexpr float kUnroutable = -1e30F;

// The lowest ids, as many in each group as the mask keeps elsewhere.
ExpertSet lowest_ids(const KeepMask& mask, const MoeModel& model) {
  const std::uint32_t n_live = kept_groups(mask, model);
  const std::uint32_t n_each = mask.n_keep() / n_live;
  const std::uint32_t group_size = model.n_expert / std::max(model.n_expert_group, 1U);
  std::vector<ExpertId> ids;
  for (std::uint32_t group = 0; group < n_live; ++group)
    for (std::uint32_t i = 0; i < n_each; ++i) ids.push_back(ExpertId{group * group_size + i});
  return ids;
}

// The mask of exactly the layers that the child has.
Result<KeepMask> mask_of_child(const KeepMask& mask, const MoeModel& model, bool drop_mtp,
                               std::vector<std::string>& warnings) {
  auto layers = mask.layers();
  for (const MoeLayer& layer : model.mtp_layers) {
    if (drop_mtp) {
      layers.erase(layer.id);
    } else if (!layers.contains(layer.id)) {
      layers.emplace(layer.id, lowest_ids(mask, model));
      warnings.push_back(fmt::format(
          "block {} only predicts further tokens (MTP) and no statistics rank its experts: it "
          "keeps the first {}; --drop-mtp removes it",
          layer.id.value, mask.n_keep()));
    }
  }
  COE_TRY(auto complete, KeepMask::of(mask.n_expert(), std::move(layers)));
  complete.passes = mask.passes;
  return complete;
}

// Plans the tensors of one surgery.
class Planner {
 public:
  Planner(const gguf::GgufFile& parent, const MoeModel& model, const KeepMask& mask,
          const SurgeryOptions& options)
      : parent_(parent), model_(model), mask_(mask), options_(options) {}

  // Appends the child's tensors to `infos` and a plan for each to `plans`, in the parent's order.
  Status run(std::vector<gguf::TensorInfo>& infos, std::vector<TensorPlan>& plans) {
    infos_ = parent_.header().tensors;
    plans_.clear();
    for (std::size_t i = 0; i < infos_.size(); ++i) plans_.push_back(whole(i));
    for (const MoeLayer& layer : model_.layers) COE_TRY_STATUS(plan_layer(layer));
    if (!options_.drop_mtp)
      for (const MoeLayer& layer : model_.mtp_layers) COE_TRY_STATUS(plan_layer(layer));
    for (const auto& tensor : options_.replaced) COE_TRY_STATUS(replace(tensor));
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (options_.drop_mtp && in_mtp_block(infos_[i].name)) continue;
      infos.push_back(std::move(infos_[i]));
      plans.push_back(std::move(plans_[i]));
    }
    return {};
  }

 private:
  const gguf::TensorInfo& source(std::size_t index) const {
    return parent_.header().tensors[index];
  }

  TensorPlan whole(std::size_t index) const {
    const auto& tensor = source(index);
    return {index, {{parent_.position(tensor), tensor.n_bytes, tensor.part}}, {}, false};
  }

  Status replace(const ReplacedTensor& tensor) {
    const auto found = std::ranges::find(infos_, tensor.name, &gguf::TensorInfo::name);
    const auto refuse = [&](std::string_view why) {
      return fail(Code::kInvalidArgument, fmt::format("{}: tensor `{}` {}", parent_.path().string(),
                                                      printable(tensor.name), why));
    };
    if (found == infos_.end()) return refuse("is to be replaced, but there is none");
    auto& plan = plans_[static_cast<std::size_t>(found - infos_.begin())];
    if (plan.cut) return refuse("is to be replaced, but has experts");
    const auto n_bytes = gguf::tensor_bytes(gguf::traits(tensor.type), found->ne);
    if (!n_bytes || *n_bytes != tensor.bytes.size())
      return refuse(fmt::format("is to be replaced by {} bytes of {}", tensor.bytes.size(),
                                gguf::traits(tensor.type).name));
    found->type = tensor.type;
    found->n_bytes = *n_bytes;
    plan.ranges.clear();
    plan.bytes = tensor.bytes;
    return {};
  }

  bool in_mtp_block(std::string_view name) const {
    const auto parsed = split_block_name(name);
    return parsed && model_.is_mtp(parsed->block);
  }

  Status plan_layer(const MoeLayer& layer) {
    const auto& kept = mask_.layers().at(layer.id);  // mask_of_child: every layer is there
    std::vector<ExpertId> chunks;
    for (const ExpertId id : kept)
      if (id.value % model_.n_chunk_expert == 0)
        chunks.push_back(ExpertId{id.value / model_.n_chunk_expert});
    for (const ExpertTensor& tensor : layer.experts) cut(tensor, kept, model_.n_expert);
    for (const ExpertTensor& tensor : layer.chunks)
      cut(tensor, chunks, model_.n_expert / model_.n_chunk_expert);
    if (options_.mode == SurgeryMode::kZero) COE_TRY_STATUS(close_router(layer, kept));
    if (layer.token_table) COE_TRY_STATUS(rewrite_table(layer, kept));
    return {};
  }

  // Keeps the slabs `ids`, of experts or chunks, of the `n_slab` in a tensor.
  void cut(const ExpertTensor& tensor, const ExpertSet& ids, std::uint32_t n_slab) {
    const auto& info = source(tensor.tensor);
    const std::uint64_t start = parent_.position(info);
    TensorPlan plan{tensor.tensor, {}, {}, true};
    const auto add = [&](std::uint32_t slab, ByteRange::Source from) {
      const ByteRange range{start + slab * tensor.slab_bytes, tensor.slab_bytes, info.part, from};
      auto& ranges = plan.ranges;
      if (!ranges.empty() && ranges.back().source == from &&
          ranges.back().offset + ranges.back().n_bytes == range.offset)
        ranges.back().n_bytes += range.n_bytes;
      else
        ranges.push_back(range);
    };
    if (options_.mode == SurgeryMode::kZero) {
      for (std::uint32_t slab = 0; slab < n_slab; ++slab)
        add(slab,
            ids.contains(ExpertId{slab}) ? ByteRange::Source::kParent : ByteRange::Source::kZeros);
    } else {
      for (const ExpertId slab : ids) add(slab.value, ByteRange::Source::kParent);
      infos_[tensor.tensor].ne[tensor.axis] = ids.size();
    }
    plans_[tensor.tensor] = std::move(plan);
  }

  // Rewrites the bias that decides selection: removed experts can no longer win.
  Status close_router(const MoeLayer& layer, const ExpertSet& kept) {
    std::size_t n_closed = 0;
    for (const ExpertTensor& tensor : layer.experts) {
      const auto& info = source(tensor.tensor);
      if (!is_selection_bias(info.name)) continue;
      if (gguf::traits(info.type).name != "F32")
        return fail(Code::kUnsupported,
                    fmt::format("{}: tensor `{}` is {}, closing a router needs F32",
                                parent_.path().string(), printable(info.name),
                                gguf::traits(info.type).name),
                    "use --mode slice");
      COE_TRY(auto bytes, parent_.read_all(info));
      for (std::uint32_t id = 0; id < model_.n_expert; ++id)
        if (!kept.contains(ExpertId{id}))
          std::memcpy(bytes.data() + id * sizeof(float), &kUnroutable, sizeof(float));
      plans_[tensor.tensor] = {tensor.tensor, {}, std::move(bytes), true};
      ++n_closed;
    }
    if (n_closed > 0 || layer.token_table) return {};
    return fail(Code::kUnsupported,
                fmt::format("{}: layer {} routes by {} without a bias: it can choose an expert "
                            "whatever its weights are, so mode zero cannot close it",
                            parent_.path().string(), layer.id.value, gating_name(model_.gating)),
                "use --mode slice, or `coe eval --mask` to try a mask on the parent");
  }

  // A softmax over all experts is taken before a selection bias, so closing it would still leave
  // the removed experts' share out of the kept ones' weights.
  bool is_selection_bias(std::string_view name) const {
    if (model_.gating == Gating::kSoftmaxWeight) return name.ends_with(".ffn_gate_inp.bias");
    return model_.gating != Gating::kSoftmax && name.find(".exp_probs_b") != std::string_view::npos;
  }

  Status rewrite_table(const MoeLayer& layer, const ExpertSet& kept) {
    COE_TRY(const auto order, substitutes(parent_, model_, layer, kept.ids()));
    const auto& info = source(*layer.token_table);
    std::vector<std::int32_t> ids(info.n_bytes / sizeof(std::int32_t));
    COE_TRY_STATUS(parent_.read(info, 0, std::as_writable_bytes(std::span(ids))));
    const auto n_used = static_cast<std::size_t>(info.ne[0]);
    for (std::size_t at = 0; at < ids.size(); at += n_used) {
      const auto row = std::span(ids).subspan(at, n_used);
      for (const auto id : row)
        if (id < 0 || static_cast<std::uint32_t>(id) >= model_.n_expert)
          return fail(Code::kCorrupt,
                      fmt::format("{}: tensor `{}`: token {} names expert {} of {}",
                                  parent_.path().string(), printable(info.name), at / n_used, id,
                                  model_.n_expert),
                      "the file is damaged: download or copy it again");
      substitute_row(row, order);
      if (options_.mode == SurgeryMode::kZero) continue;  // ids stay as they are
      for (auto& id : row)
        id = static_cast<std::int32_t>(kept.position(ExpertId{static_cast<std::uint32_t>(id)}));
    }
    const auto bytes = std::as_bytes(std::span(ids));
    plans_[*layer.token_table] = {*layer.token_table, {}, {bytes.begin(), bytes.end()}, true};
    return {};
  }

  const gguf::GgufFile& parent_;
  const MoeModel& model_;
  const KeepMask& mask_;
  const SurgeryOptions& options_;
  std::vector<gguf::TensorInfo> infos_;
  std::vector<TensorPlan> plans_;
};

// Returns what each tensor takes in its file. It is smaller than in the parent, whose header was
// checked.
std::vector<std::uint64_t> padded_sizes(const std::vector<gguf::TensorInfo>& infos,
                                        std::uint64_t alignment) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(infos.size());
  for (const auto& tensor : infos) {
    const auto n_bytes = gguf::tensor_bytes(gguf::traits(tensor.type), tensor.ne).value_or(0);
    sizes.push_back(checked_align(n_bytes, alignment).value_or(n_bytes));
  }
  return sizes;
}

Status fill_parts(const gguf::Header& parent, const std::vector<gguf::KeyValue>& keys,
                  std::vector<gguf::TensorInfo> infos, std::vector<TensorPlan> tensors,
                  std::uint64_t max_bytes, SurgeryPlan& plan) {
  const auto starts = gguf::part_starts(padded_sizes(infos, parent.alignment), max_bytes);
  if (starts.size() > std::numeric_limits<std::uint16_t>::max())  // what split.count can say
    return fail(
        Code::kInvalidArgument,
        fmt::format("the child would be {} files of at most {} bytes", starts.size(), max_bytes),
        "choose a larger --split-max-size");
  const auto alignment_key = std::ranges::find(keys, "general.alignment", &gguf::KeyValue::key);
  std::vector<gguf::KeyValue> later_keys;
  if (alignment_key != keys.end()) later_keys.push_back(*alignment_key);
  for (std::size_t p = 0; p < starts.size(); ++p) {
    PartPlan part;
    part.header.alignment = parent.alignment;
    part.header.keys = p == 0 ? keys : later_keys;  // a copy shares the values
    if (starts.size() > 1)
      for (auto& item : gguf::part_keys(p, starts.size(), infos.size()))
        part.header.keys.push_back(std::move(item));
    const std::size_t end = p + 1 < starts.size() ? starts[p + 1] : infos.size();
    for (std::size_t i = starts[p]; i < end; ++i) {
      part.header.tensors.push_back(std::move(infos[i]));
      part.tensors.push_back(std::move(tensors[i]));
    }
    COE_TRY(part.header_bytes, gguf::encode_header(part.header));
    plan.file_bytes += part.header.file_bytes;
    plan.parts.push_back(std::move(part));
  }
  return {};
}

}  // namespace

Status check_experts_used(const gguf::GgufFile& parent, const MoeModel& model,
                          std::uint32_t n_used) {
  const auto file = parent.path().string();
  if (n_used == 0 || n_used >= model.n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: {} experts used a token are not from 1 to below its own {}", file,
                            n_used, model.n_expert_used),
                model.n_expert_used > 1
                    ? fmt::format("choose 1 to {} with --experts-used", model.n_expert_used - 1)
                    : "leave out --experts-used");
  const auto key = fmt::format("{}.expert_used_count", model.id.architecture);
  const auto* value = parent.header().find_key(key);
  if (value == nullptr || value->is_array())
    return fail(Code::kUnsupported,
                fmt::format("{}: key `{}` has a value for each block, and no single one can be "
                            "put in its place",
                            file, key),
                "leave out --experts-used");
  for (const auto* layers : {&model.layers, &model.mtp_layers})
    for (const MoeLayer& layer : *layers) {
      if (!layer.token_table) continue;
      return fail(Code::kUnsupported,
                  fmt::format("{}: layer {} chooses experts by a table of tokens, which does not "
                              "say which of them to leave out",
                              file, layer.id.value),
                  "leave out --experts-used");
    }
  return {};
}

std::string_view mode_name(SurgeryMode mode) {
  return mode == SurgeryMode::kSlice ? "slice" : "zero";
}

Result<SurgeryPlan> plan_surgery(const gguf::GgufFile& parent, const MoeModel& model,
                                 const KeepMask& mask, const SurgeryOptions& options) {
  if (options.n_used > 0) {
    if (!options.provenance)
      return fail(Code::kInvalidArgument,
                  "fewer experts used are asked for, but no record of it is to be written",
                  "leave out one of --experts-used and --no-provenance");
    COE_TRY_STATUS(check_experts_used(parent, model, options.n_used));
  }
  COE_TRY_STATUS(check_mask(mask, model, options.mask_name, may_keep_all(options.n_used)));
  if (options.drop_mtp && model.n_mtp == 0)
    return fail(Code::kInvalidArgument,
                fmt::format("{}: has no MTP blocks to drop", parent.path().string()),
                "leave out --drop-mtp");
  if (!options.name.empty() && !options.provenance)
    return fail(Code::kInvalidArgument, "a name is given, but no record of it is to be written",
                "leave out one of --name and --no-provenance");
  SurgeryPlan plan;
  COE_TRY(const auto complete, mask_of_child(mask, model, options.drop_mtp, plan.warnings));
  std::vector<gguf::TensorInfo> infos;
  std::vector<TensorPlan> tensors;
  COE_TRY_STATUS(Planner(parent, model, complete, options).run(infos, tensors));
  COE_TRY(auto keys, child_keys(parent.header(), model, complete, options, infos));
  for (const auto& record : options.records) {
    std::erase_if(keys, [&](const gguf::KeyValue& item) { return item.key == record.key; });
    keys.push_back(record);
  }
  plan.n_tensor = tensors.size();
  plan.n_tensor_cut = static_cast<std::size_t>(std::ranges::count_if(tensors, &TensorPlan::cut));
  COE_TRY_STATUS(fill_parts(parent.header(), keys, std::move(infos), std::move(tensors),
                            options.split_max_bytes, plan));
  if (options.mode == SurgeryMode::kSlice && !has_fused_top_k(mask.n_keep()))
    plan.warnings.push_back(fmt::format(
        "{} experts: CUDA has no fused top-k kernel for this count (only powers of two up to 512, "
        "288 and 576), so routing runs a little slower there",
        mask.n_keep()));
  return plan;
}

std::vector<Path> output_paths(const Path& output, const SurgeryPlan& plan) {
  if (plan.parts.size() == 1) return {output};
  std::vector<Path> paths;
  paths.reserve(plan.parts.size());
  for (std::size_t i = 0; i < plan.parts.size(); ++i)
    paths.push_back(gguf::part_name(output, i, plan.parts.size()));
  return paths;
}

}  // namespace coe
