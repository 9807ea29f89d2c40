// A whole cut, but for writing it: whatever the reader and the description of the model accept, a
// mask that fits it gives a plan whose every range lies inside the parent, whose ranges add up to
// the child's tensors, and whose header says so when it is read again.
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "memory_file.h"
#include "require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using coe::gguf::GgufFile;

// Alignment is a number from the input: 2^30 of it would make files of that size.
constexpr std::uint64_t kMaxChildBytes = std::uint64_t{1} << 20;

// FNV-1a: other bytes, other mask.
std::uint64_t hash(std::span<const std::byte> bytes) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const auto byte : bytes)
    value = (value ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
  return value;
}

using Kept = std::map<coe::LayerId, std::vector<coe::ExpertId>>;

// `n_keep` of the `n` units from `first` on, each of `unit` experts.
void draw(std::uint32_t first, std::uint32_t n, std::uint32_t n_keep, std::uint32_t unit,
          coe::Rng& rng, std::vector<coe::ExpertId>& kept) {
  std::vector<std::uint32_t> ids(n);
  std::iota(ids.begin(), ids.end(), first);
  rng.shuffle(std::span(ids));
  for (std::uint32_t i = 0; i < n_keep; ++i)
    for (std::uint32_t e = 0; e < unit; ++e) kept.push_back({ids[i] * unit + e});
}

// Whole chunks, and as many experts of each group, so that the routing stays possible.
coe::Result<coe::KeepMask> derive_mask(const coe::MoeModel& model, coe::Rng& rng) {
  const std::uint32_t unit = std::max(1U, model.n_chunk_expert);
  const std::uint32_t n_group = std::max(1U, model.n_expert_group);
  const std::uint32_t n_unit = model.n_expert / unit / n_group;  // of a group
  const auto n_keep = static_cast<std::uint32_t>(rng.between(std::min(1U, n_unit), n_unit));
  Kept layers;
  const auto add = [&](const coe::MoeLayer& layer) {
    auto& kept = layers[layer.id];
    for (std::uint32_t group = 0; group < n_group; ++group)
      draw(group * n_unit, n_unit, n_keep, unit, rng, kept);
  };
  for (const auto& layer : model.layers) add(layer);
  if (rng.below(2) == 0)
    for (const auto& layer : model.mtp_layers) add(layer);
  return coe::KeepMask::create(model.n_expert, std::move(layers));
}

coe::SurgeryOptions derive_options(const coe::MoeModel& model, coe::Rng& rng) {
  coe::SurgeryOptions options;
  if (rng.below(4) == 0) options.mode = coe::SurgeryMode::kZero;
  options.drop_mtp = model.n_mtp > 0 && rng.below(2) == 0;
  if (rng.below(4) == 0) options.split_max_bytes = rng.below(4096) + 1;
  options.provenance = rng.below(4) != 0;
  if (options.provenance && model.n_expert_used > 1 && rng.below(4) == 0)
    options.n_used = static_cast<std::uint32_t>(rng.between(1, model.n_expert_used - 1));
  return options;
}

// A tensor's ranges lie inside the parent's, and they or its new bytes make up the child's.
void check_tensor(const coe::TensorPlan& plan, const coe::gguf::TensorInfo& child,
                  const GgufFile& parent) {
  require(plan.source < parent.header().tensors.size());
  const auto& source = parent.header().tensors[plan.source];
  const std::uint64_t start = parent.position(source);
  std::uint64_t sum = plan.bytes.size();
  for (const auto& range : plan.ranges) {
    require(range.part == source.part);
    require(range.offset >= start && range.offset - start <= source.n_bytes);
    require(range.n_bytes <= source.n_bytes - (range.offset - start));
    sum += range.n_bytes;
  }
  require(plan.bytes.empty() || plan.ranges.empty());
  require(sum == child.n_bytes);
  require(child.name == source.name && child.type == source.type);
  require(plan.cut || child.ne == source.ne);
}

void check_part(const coe::PartPlan& part, const GgufFile& parent) {
  const auto again =
      coe::gguf::parse_header(part.header_bytes, part.header.file_bytes, "child.gguf");
  require(again.has_value());
  require(again->data_offset == part.header_bytes.size());
  require(part.tensors.size() == part.header.tensors.size());
  require(again->tensors.size() == part.header.tensors.size());
  for (std::size_t i = 0; i < again->tensors.size(); ++i) {
    const auto& planned = part.header.tensors[i];
    const auto& read = again->tensors[i];
    require(read.name == planned.name && read.ne == planned.ne);
    require(read.n_bytes == planned.n_bytes && read.offset == planned.offset);
    check_tensor(part.tensors[i], planned, parent);
  }
}

// Slot after slot of a cut tensor is the slab of the expert that the mask keeps there; in mode
// zero, every slab is there or zero.
void check_slabs(const coe::TensorPlan& plan, std::uint64_t start, std::uint64_t slab_bytes,
                 const std::vector<coe::ExpertId>& kept, bool zeroed) {
  require(plan.cut);
  if (slab_bytes == 0 || !plan.bytes.empty()) return;
  std::size_t slot = 0;
  for (const auto& range : plan.ranges) {
    require(range.n_bytes % slab_bytes == 0);
    for (std::uint64_t at = range.offset; at < range.offset + range.n_bytes; at += slab_bytes) {
      const coe::ExpertId id{static_cast<std::uint32_t>((at - start) / slab_bytes)};
      require(start + id.value * slab_bytes == at);
      if (zeroed) {
        const bool is_kept = std::ranges::binary_search(kept, id);
        require(id.value == slot);
        require(is_kept == (range.source == coe::ByteRange::Source::kParent));
      } else {
        require(slot < kept.size() && id == kept[slot]);
        require(range.source == coe::ByteRange::Source::kParent);
      }
      ++slot;
    }
  }
}

void check_layers(const coe::SurgeryPlan& plan, const GgufFile& parent, const coe::MoeModel& model,
                  const coe::KeptExperts& layers, const coe::SurgeryOptions& options) {
  std::map<std::size_t, const coe::TensorPlan*> by_source;
  for (const auto& part : plan.parts)
    for (const auto& tensor : part.tensors)
      require(by_source.emplace(tensor.source, &tensor).second);
  for (const auto* group : {&model.layers, &model.mtp_layers}) {
    for (const auto& layer : *group) {
      const auto kept = layers.find(layer.id);
      if (kept == layers.end()) continue;  // an MTP block that the mask leaves out
      for (const auto& expert : layer.experts) {
        const auto found = by_source.find(expert.tensor);
        require((found != by_source.end()) == !(options.drop_mtp && model.is_mtp(layer.id)));
        if (found == by_source.end()) continue;
        const auto& tensor = parent.header().tensors[expert.tensor];
        require(expert.slab_bytes * model.n_expert == tensor.n_bytes);
        check_slabs(*found->second, parent.position(tensor), expert.slab_bytes, kept->second.ids(),
                    options.mode == coe::SurgeryMode::kZero);
      }
    }
  }
}

// The file that the part describes.
std::vector<std::byte> assemble(const coe::PartPlan& part, std::span<const std::byte> parent) {
  std::vector<std::byte> child = part.header_bytes;
  for (const auto& tensor : part.tensors) {
    child.insert(child.end(), tensor.bytes.begin(), tensor.bytes.end());
    for (const auto& range : tensor.ranges) {
      const auto bytes = parent.subspan(range.offset, range.n_bytes);
      if (range.source == coe::ByteRange::Source::kParent)
        child.insert(child.end(), bytes.begin(), bytes.end());
      else
        child.resize(child.size() + range.n_bytes);
    }
    const auto alignment = part.header.alignment;
    child.resize((child.size() + alignment - 1) / alignment * alignment);
  }
  return child;
}

// The proof, which shares no code with the plan, must agree; but for weights that are not finite,
// which only it minds.
void check_proof(const MemoryFile& parent, const MemoryFile& child, const coe::KeepMask& mask) {
  const auto report =
      coe::verify_child(parent.path(), child.path(), mask, nullptr, coe::silent_observer());
  require(report.has_value());
  for (const auto& finding : report->bad)
    require(finding.message.find("finite") != std::string::npos);
}

// A mask that fits, cut in the ordinary way, is no reason to refuse; nor is a header that was read
// a moment ago. The other modes and token tables have rules of their own.
void check_refusal(const coe::Error& error, const coe::MoeModel& model, const coe::KeepMask& mask,
                   const coe::SurgeryOptions& options) {
  require(!error.message.empty());
  const bool fewer_used = options.n_used > 0;
  if (!coe::check_mask(mask, model, options.mask_name, coe::may_keep_all(options.n_used))) return;
  const auto has_table = [](const auto& layer) { return layer.token_table.has_value(); };
  require(options.mode == coe::SurgeryMode::kZero || fewer_used ||
          std::ranges::any_of(model.layers, has_table) ||
          std::ranges::any_of(model.mtp_layers, has_table));
  require(error.code == coe::Code::kUnsupported || error.code == coe::Code::kCorrupt);
}

void cut(const MemoryFile& memory, std::span<const std::byte> bytes, const GgufFile& parent,
         const coe::MoeModel& model) {
  coe::Rng rng(hash(bytes));
  const auto mask = derive_mask(model, rng);
  if (!mask) return;  // nothing fits into these groups
  const auto options = derive_options(model, rng);
  const auto plan = coe::plan_surgery(parent, model, *mask, options);
  if (!plan) return check_refusal(plan.error(), model, *mask, options);
  for (const auto& part : plan->parts) check_part(part, parent);
  check_layers(*plan, parent, model, mask->layers(), options);
  // The slow part. Files in memory have no names that could have parts.
  if (rng.below(8) != 0 || plan->parts.size() > 1 || plan->file_bytes > kMaxChildBytes) return;
  const auto child = assemble(plan->parts[0], bytes);
  require(child.size() == plan->file_bytes);
  check_proof(memory, MemoryFile(child), *mask);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header = coe::gguf::parse_header(bytes, size, "fuzz.gguf");
  if (!header) return 0;
  const MemoryFile memory(bytes);
  const auto file = GgufFile::open(memory.path());
  if (!file) {
    require(header->find_key("split.count") != nullptr);  // its other parts are nowhere
    return 0;
  }
  const auto model = coe::describe_moe(*file);
  if (model) cut(memory, bytes, *file, *model);
  return 0;
}
